"""Specs: nested `{"use": name, ...}` tables that become objects, and the fingerprints that identify them."""

import functools
import hashlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlc.data.errors import RlcError, SpecError, unknown
from rlc.data.lazy import import_needs, load
from rlc.data.plugins import is_path, load_path
from rlc.data.prompt_files import PromptFile, read_prompts
from rlc.data.protocols import Weights
from rlc.data.trust import check_code

Spec = dict[str, Any]
Finish = Callable[[Callable[[], Any], str, Spec], Any]  # gets what makes an object, its kind and its spec
NOTHING = "none"  # what stands for no value where TOML and a command line have to write one
PLAIN = {bool, int, float, str, types.NoneType}


def fingerprint(value: object) -> str:
    """A digest of plain data (32 hexadecimal digits), equal in every process for equal data.

    Raises:
        TypeError: if the value holds something that JSON cannot.
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def flatten(value: object, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted paths with their values as text.

    >>> flatten({"index": {"k": 5, "members": ["bm25"]}})
    {'index.k': '5', 'index.members.0': 'bm25'}
    """
    if isinstance(value, Mapping):
        return {k: v for key, inner in value.items() for k, v in flatten(inner, f"{prefix}{key}.").items()}
    if isinstance(value, list):
        return {k: v for i, inner in enumerate(value) for k, v in flatten(inner, f"{prefix}{i}.").items()}
    return {prefix.rstrip("."): str(value)}


@dataclass(frozen=True)
class Family:
    """The methods of one kind, and how a spec of that kind becomes an object.

    `types` are the annotations of settings that are built from this family: a class stands for its subclasses too,
    anything else for itself. `constructor` is called in place of the class where it is named; `deferred` gives back
    that call with the settings bound, for things that still wait for their documents. A bare string names an entry,
    or, where there is a `shorthand`, stands for `{use = shorthand, model = string}`, with `names` where that says
    another setting than `model`, or for what `spelling` makes of it. An alias is written out as the entry that it stands for, so that a spec keeps its
    meaning when the alias moves on.
    """

    kind: str
    table: Mapping[str, str]
    types: Sequence[object] = ()
    constructor: str = ""
    deferred: bool = False
    shorthand: str = ""
    names: str = "model"
    spelling: Callable[[str], Spec] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def spelled_out(self, name: str) -> Spec:
        """The spec that a bare string stands for; an alias stays one."""
        if name in self.table or not self.shorthand:
            return {"use": name}
        return self.spelling(name) if self.spelling else {"use": self.shorthand, self.names: name}

    def method(self, name: str, path: str) -> Any:  # noqa: ANN401 - a class or a function
        """The class (or function) of an entry, or of `package.module:Class` where the user allows that.

        Raises:
            SpecError: if there is no such entry, with the nearest names.
            UsageError: if it is code that is not allowed.
        """
        name = self.aliases.get(name, name)
        if name not in self.table and is_path(name):
            return load_path(name, f"{path}.use")
        if name not in self.table:
            raise SpecError(f"{path}: {unknown(self.kind, name, [*self.table, *self.aliases])}")
        return load(self.table[name])

    def maker(self, name: str, path: str) -> Callable[..., Any]:
        """What to call for an entry.

        Raises:
            SpecError: if there is no such entry, with the nearest names.
        """
        method = self.method(name, path)
        made: Callable[..., Any] = getattr(method, self.constructor) if self.constructor else method
        return made

    def parameters(self, name: str, path: str) -> dict[str, inspect.Parameter]:
        """The settings of an entry by name; what a deferred one gets later, from elsewhere, is none.

        Raises:
            SpecError: if there is no such entry, with the nearest names.
        """
        parameters = list(inspect.signature(self.maker(name, path), eval_str=True).parameters.values())
        return {
            p.name: p
            for p in parameters[1 if self.deferred else 0 :]
            if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        }

    def example(self, name: str, path: str) -> Spec:
        """The smallest settings with which an entry runs offline on a CPU, as its `example()` says; else none.

        Needed settings that are built from other families, and weights, are whoever's who runs it.

        Raises:
            SpecError: if there is no such entry, with the nearest names.
        """
        return dict(getattr(self.method(name, path), "example", dict)())

    def makes(self, annotation: object) -> bool:
        """Whether a setting of this annotation is built from this family."""
        return any(kind in (annotation, *getattr(annotation, "__mro__", ())) for kind in self.types)


@dataclass(frozen=True)
class Builder:
    """Completes and builds specs.

    A setting is built from the family whose `types` its annotation names, whatever the setting is called: `LLM`, or
    `LLM | None`. One that holds many, `Sequence[LLM]`, is built item by item; one that may also be a string,
    `Tokenizer | str`, keeps a string as it is. `finish` may wrap or put off the making of an object (it gets what
    makes it, its kind and its completed spec).
    """

    families: Sequence[Family]
    finish: Finish = lambda make, kind, spec: make()  # noqa: ARG005

    def complete(self, spec: object, family: Family, path: str) -> Spec:
        """Write a spec out: shorthands expanded, defaults filled in, every name and key checked. Loads no model.

        What a method leaves to the machine is written out by its `settled`, a function of its completed spec.

        Raises:
            SpecError: on an unknown name or key or a missing key; the message begins with the place.
        """
        settings = _normalise(spec, family, path)
        name = settings.pop("use")
        parameters = family.parameters(name, path)
        for key in settings:
            if key not in parameters:
                raise SpecError(f"{path}.{key}: {unknown('setting', key, parameters)}")
        completed: Spec = {"use": name}
        method = family.method(name, path)
        for key, parameter in parameters.items():
            value = settings.get(key, parameter.default)
            if value is inspect.Parameter.empty:
                raise SpecError(
                    f"{path}: the setting {key!r} is missing; {name!r} takes {', '.join(parameters)}"
                )
            if key in settings or type(value) in PLAIN:
                completed[key] = self._complete_value(parameter.annotation, value, f"{path}.{key}")
            if names_prompts(parameter.annotation) and key in completed and getattr(method, "PROMPTS", None):
                read_prompts(method, completed[key])  # a bad file is refused before any work
        settle: Callable[[Spec], Spec] | None = getattr(method, "settled", None)
        return completed if settle is None else settle(completed)

    def family_of(self, annotation: object) -> Family | None:
        """The family that a setting of this annotation, or each of its items, is built from; None for plain data."""
        for kind in _alternatives(annotation):
            for family in self.families:
                if family.makes(kind) or (_holds_many(kind) and family.makes(typing.get_args(kind)[0])):
                    return family
        return None

    def walk(self, completed: Spec, family: Family, path: str) -> Iterator[tuple[Family, str, Spec]]:
        """Every spec inside a completed one, itself first, with its family and its place."""
        yield family, path, completed
        for key, parameter in family.parameters(completed["use"], path).items():
            inner = self.family_of(parameter.annotation)
            value = completed.get(key)
            for i, item in enumerate(value if isinstance(value, list) else [value]):
                if inner is not None and isinstance(item, dict):
                    place = f"{path}.{key}[{i}]" if isinstance(value, list) else f"{path}.{key}"
                    yield from self.walk(item, inner, place)

    def _complete_value(self, annotation: object, value: object, path: str) -> object:
        if value == NOTHING and types.NoneType in _alternatives(annotation):
            value = None
        family = self.family_of(annotation)
        if family is None or (isinstance(value, str) and str in map(_plain, _alternatives(annotation))):
            return _checked(value, annotation, path)
        if value is None:
            return None
        many = not any(family.makes(kind) for kind in _alternatives(annotation))
        if isinstance(value, list) != many:
            wanted = f"one {family.kind}" if isinstance(value, list) else f"a list, one {family.kind} an item"
            raise SpecError(f"{path}: expected {wanted}, got {value!r}")
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
        self.check_code(completed, family, path)
        method = family.method(completed["use"], path)
        import_needs(method)
        make = family.maker(completed["use"], path)
        parameters = family.parameters(completed["use"], path)
        arguments = {
            key: self._build_value(parameters[key].annotation, value, f"{path}.{key}")
            for key, value in completed.items()
            if key != "use"
        }
        try:
            if (
                family.deferred
            ):  # what is wrong with it is said now, where it knows, and not when the rest has come
                getattr(method, "check_settings", dict)(**arguments)
                return functools.partial(make, **arguments)
            return make(**arguments)
        except RlcError:
            raise
        except (TypeError, ValueError) as error:
            raise SpecError(f"{path}: {error}") from error

    def check_code(self, completed: Spec, family: Family, path: str) -> None:
        """Hold what a completed spec names as code against what the user allows.

        Raises:
            UsageError: at the first setting that is not allowed.
        """
        for inner, place, spec in self.walk(completed, family, path):
            for key in getattr(inner.method(spec["use"], place), "CODE", ()):
                if isinstance(value := spec.get(key), str | Mapping) and value:
                    check_code(f"{place}.{key}", value)

    def _build_value(self, annotation: object, value: Any, path: str) -> object:  # noqa: ANN401 - plain data
        family = self.family_of(annotation)
        if family is None or not isinstance(value, dict | list):  # a completed spec is never a bare string
            return value
        if isinstance(value, list):
            return [self.build(item, family, f"{path}[{i}]") for i, item in enumerate(value)]
        return self.build(value, family, path)


def _normalise(spec: object, family: Family, path: str) -> Spec:
    if isinstance(spec, str):
        named = family.spelled_out(spec)
        return {**named, "use": family.aliases.get(named["use"], named["use"])}
    if (
        isinstance(spec, Mapping)
        and "use" not in spec
        and len(names := [*family.table, *family.aliases]) == 1
    ):
        spec = {"use": names[0], **spec}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("use"), str):
        raise SpecError(f"{path}: expected one {family.kind}, {{use = name, ...}}, got {spec!r}")
    return {**spec, "use": family.aliases.get(spec["use"], spec["use"])}


def _alternatives(annotation: object) -> tuple[Any, ...]:
    """What a value may be: the members of a union, or the annotation alone."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _plain(annotation: object) -> Any:  # noqa: ANN401 - whatever an annotation is
    return str if annotation in (Weights, PromptFile) else annotation


def holds_table(annotation: object) -> bool:
    """Whether a setting of this annotation is a table of whatever its user likes."""
    return any(typing.get_origin(kind) is Mapping for kind in _alternatives(annotation))


def names_weights(annotation: object) -> bool:
    """Whether a setting of this annotation may name a model's weights."""
    return Weights in _alternatives(annotation)


def names_prompts(annotation: object) -> bool:
    """Whether a setting of this annotation names a file of prompts."""
    return PromptFile in _alternatives(annotation)


def _holds_many(annotation: object) -> bool:
    return typing.get_origin(annotation) in (Sequence, tuple, list)


def _checked(value: object, annotation: object, path: str) -> object:
    """Hold a value to plain types and choices; a whole number where a fraction is wanted becomes one (1 equals 1.0)."""
    kinds = [_plain(kind) for kind in _alternatives(annotation)]
    choices = [
        one for kind in kinds if typing.get_origin(kind) is typing.Literal for one in typing.get_args(kind)
    ]
    kinds = [kind for kind in kinds if typing.get_origin(kind) is not typing.Literal]
    if PLAIN.issuperset(kinds) and type(value) not in kinds and value not in choices:
        if type(value) is int and float in kinds:
            return float(value)
        if choices:
            raise SpecError(f"{path}: {unknown('choice', value, map(str, choices))}")
        wanted = " or ".join(kind.__name__ for kind in kinds if kind is not types.NoneType)
        raise SpecError(f"{path}: expected {wanted}, got {value!r}")
    try:
        fingerprint(value)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{path}: {value!r} cannot be written down as a setting: {error}") from error
    return value
