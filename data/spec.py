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

Spec = dict[str, Any]


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

    def maker(self, name: str, path: str) -> Callable[..., Any]:
        """What to call for an entry.

        Raises:
            SpecError: if there is no such entry, with the nearest names.
        """
        if name not in self.table:
            raise SpecError(f"{path}: {unknown(self.kind, name, self.table)}")
        target = load(self.table[name])
        made: Callable[..., Any] = getattr(target, self.constructor) if self.constructor else target
        return made


@dataclass(frozen=True)
class Builder:
    """Completes and builds specs.

    `families` maps a setting's name to the family that its value is built from: `llm` wherever it stands,
    `reader.index` in the specs of readers only. A list is built item by item. `finish` may
    wrap or put off the making of an object (it gets what makes it, its kind and its completed spec).
    """

    families: Mapping[str, Family]
    finish: Callable[[Callable[[], Any], str, Spec], Any] = lambda make, kind, spec: make()  # noqa: ARG005

    def complete(self, spec: object, family: Family, path: str) -> Spec:
        """Write a spec out: shorthands expanded, defaults filled in, every name and key checked. Loads no model.

        Raises:
            SpecError: on an unknown name or key or a missing key; the message begins with the place.
        """
        settings = _normalise(spec, family, path)
        name = settings.pop("use")
        parameters = _parameters(family.maker(name, path), skip=1 if family.deferred else 0)
        for key in settings:
            if key not in parameters:
                raise SpecError(f"{path}.{key}: {unknown('setting', key, parameters)}")
        completed: Spec = {"use": name}
        for key, default in parameters.items():
            if key in settings:
                completed[key] = self._complete_value(family, key, settings[key], f"{path}.{key}")
            elif default is inspect.Parameter.empty:
                raise SpecError(f"{path}: the setting {key!r} is missing")
            elif default is None or isinstance(default, bool | int | float | str):
                completed[key] = self._complete_value(family, key, default, f"{path}.{key}")
        return completed

    def _family(self, owner: Family, key: str) -> Family | None:
        return self.families.get(f"{owner.kind}.{key}") or self.families.get(key)

    def _complete_value(self, owner: Family, key: str, value: object, path: str) -> object:
        family = self._family(owner, key)
        if family is None or value is None:
            return value
        if isinstance(value, list):
            return [self.complete(item, family, f"{path}[{i}]") for i, item in enumerate(value)]
        return self.complete(value, family, path)

    def build(self, completed: Spec, family: Family, path: str) -> Any:  # noqa: ANN401 - whatever the spec names
        """Make the object of a completed spec. Equal specs give the same object: one model is loaded once.

        Raises:
            SpecError: if the class refuses the settings.
        """
        key = f"{family.kind}:{fingerprint(completed)}"
        if key not in self._built:
            self._built[key] = self.finish(
                functools.partial(self._make, completed, family, path), family.kind, completed
            )
        return self._built[key]

    @functools.cached_property
    def _built(self) -> dict[str, Any]:
        return {}

    def _make(self, completed: Spec, family: Family, path: str) -> Any:  # noqa: ANN401
        make = family.maker(completed["use"], path)
        arguments = {
            key: self._build_value(family, key, value, f"{path}.{key}")
            for key, value in completed.items()
            if key != "use"
        }
        if family.deferred:
            return functools.partial(make, **arguments)
        try:
            return make(**arguments)
        except RlcError:
            raise
        except (TypeError, ValueError) as error:
            raise SpecError(f"{path}: {error}") from error

    def _build_value(self, owner: Family, key: str, value: Any, path: str) -> object:  # noqa: ANN401 - plain data
        family = self._family(owner, key)
        if family is None or value is None:
            return value
        if isinstance(value, list):
            return [self.build(item, family, f"{path}[{i}]") for i, item in enumerate(value)]
        return self.build(value, family, path)


def _normalise(spec: object, family: Family, path: str) -> Spec:
    if isinstance(spec, str):
        if family.shorthand and spec not in family.table:
            return {"use": family.shorthand, "model": spec}
        return {"use": spec}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("use"), str):
        raise SpecError(f"{path}: expected a {family.kind}, {{use = name, ...}}, got {spec!r}")
    return dict(spec)


def _parameters(make: Callable[..., Any], skip: int) -> dict[str, Any]:
    """Names and defaults of the settings; the first `skip` parameters come later, from elsewhere."""
    parameters = list(inspect.signature(make).parameters.values())[skip:]
    return {p.name: p.default for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
