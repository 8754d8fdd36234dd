"""Specs: nested `{"use": name, ...}` tables that become objects, and the fingerprints that identify them."""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rlc.data.errors import RlcError, SpecError, unknown
from rlc.data.lazy import load


def fingerprint(value: object) -> str:
    """A digest of plain data (32 hexadecimal digits), equal in every process for equal data.

    Raises:
        TypeError: if the value holds something that JSON cannot.
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Family:
    """The methods of one kind, and how a spec of that kind becomes an object.

    `constructor` is called in place of the class where it is named; `deferred` gives back that call with the
    settings bound, for things that still wait for their documents. A bare string names an entry, or, where there
    is a `shorthand`, stands for `{use = shorthand, model = string}`.
    """

    kind: str
    table: Mapping[str, str]
    constructor: str = ""
    deferred: bool = False
    shorthand: str = ""


class Builder:
    """Builds specs. Equal specs give the same object, so that two readers share one loaded model.

    `families` maps a setting's name (`chunker`, `llm`, ...) to the family that its value is built from; a list
    is built item by item. `resolve` maps strings such as `"@rag"` to objects.
    """

    def __init__(
        self, families: Mapping[str, Family], resolve: Callable[[str, str], Any] | None = None
    ) -> None:
        self._families = families
        self._resolve = resolve
        self._built: dict[str, Any] = {}

    def build(self, spec: object, family: Family, path: str) -> Any:  # noqa: ANN401 - the object that the spec names
        """Make the object.

        Raises:
            SpecError: on an unknown name or key, a missing key, or settings that the class refuses; the message
                begins with `path`.
        """
        if isinstance(spec, str) and spec.startswith("@") and self._resolve is not None:
            return self._resolve(spec[1:], path)
        settings = self._normalise(spec, family, path)
        key = fingerprint([family.kind, settings])
        if key not in self._built:
            self._built[key] = self._make(settings, family, path)
        return self._built[key]

    def _normalise(self, spec: object, family: Family, path: str) -> dict[str, Any]:
        if isinstance(spec, str):
            if family.shorthand and spec not in family.table:
                return {"use": family.shorthand, "model": spec}
            return {"use": spec}
        if not isinstance(spec, Mapping) or not isinstance(spec.get("use"), str):
            raise SpecError(f"{path}: expected a {family.kind}, {{use = name, ...}}, got {spec!r}")
        return dict(spec)

    def _make(self, settings: dict[str, Any], family: Family, path: str) -> Any:  # noqa: ANN401
        name = settings.pop("use")
        if name not in family.table:
            raise SpecError(f"{path}: {unknown(family.kind, name, family.table)}")
        target = load(family.table[name])
        make = getattr(target, family.constructor) if family.constructor else target
        check_keys(make, settings, path, skip=1 if family.deferred else 0)
        arguments = {key: self._argument(key, value, f"{path}.{key}") for key, value in settings.items()}
        if family.deferred:
            return functools.partial(make, **arguments)
        try:
            return make(**arguments)
        except RlcError:
            raise
        except (TypeError, ValueError) as error:
            raise SpecError(f"{path}: {error}") from error

    def _argument(self, key: str, value: object, path: str) -> object:
        family = self._families.get(key)
        if family is None or value is None:
            return value
        if isinstance(value, list):
            return [self.build(item, family, f"{path}[{i}]") for i, item in enumerate(value)]
        return self.build(value, family, path)


def check_keys(make: Callable[..., Any], settings: Mapping[str, object], path: str, skip: int = 0) -> None:
    """Check settings against a signature, whose first `skip` parameters come later.

    Raises:
        SpecError: naming the unknown key and the nearest known one, or the missing key.
    """
    parameters = list(inspect.signature(make).parameters.values())[skip:]
    named = [p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    open_ended = any(p.kind == p.VAR_KEYWORD for p in parameters)
    known = {p.name for p in named}
    for key in settings:
        if key not in known and not open_ended:
            raise SpecError(f"{path}.{key}: {unknown('setting', key, known)}")
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in settings:
            raise SpecError(f"{path}: the setting {parameter.name!r} is missing")
