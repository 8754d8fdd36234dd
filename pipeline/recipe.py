"""Recipes: the only place where names meet objects.

A recipe is a TOML file of `[parts.NAME]` and `[readers.NAME]` tables. A part is a spec that several readers share
(`llm = "@llm"` stands for `[parts.llm]`); a reader may be named the same way (`rag = "@rag"`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from rlc.data.collection import collection_revision, load_collection
from rlc.data.errors import SpecError, unknown
from rlc.data.protocols import Reader
from rlc.data.spec import (
    Finish,
    Spec,
    fingerprint,
)
from rlc.data.store import AnswerStore
from rlc.pipeline.families import BUILDER, CHUNKER, COLLECTION, READER
from rlc.pipeline.former_names import present_names
from rlc.pipeline.identity import identity
from rlc.pipeline.llms.support.forwarding import remembering
from rlc.pipeline.llms.support.remembered import RememberedGenerations
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.routers import AUTO, ONE_CALL, ROUTERS

DEEPEST = 48  # tables inside tables, and parts that name parts
LARGEST = 100_000  # settings of a recipe, its shared parts written out
ROUTER_NAMES = (*ROUTERS, "auto")


def router_part(name: str) -> str:
    """The part that holds the settings of a router which is added to a recipe."""
    return f"router-{name}"


@dataclass(frozen=True)
class Recipe:
    """Specs of readers by name, and the parts that they share."""

    readers: Mapping[str, Spec]
    parts: Mapping[str, Spec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for tables in ("readers", "parts"):
            object.__setattr__(self, tables, present_names(getattr(self, tables)))

    def arms(self, names: Sequence[str]) -> list[str]:
        """The readers that are compared: these; `all`; or, where none is named, `rag` and `long`, all if one is not there."""
        usual = ["rag", "long"]
        every = list(names) == ["all"] or not (names or set(usual) <= set(self.readers))
        return list(self.readers) if every else list(names) or usual

    def only(self, names: Sequence[str]) -> "Recipe":
        """Keep these readers, in this order; the others may still be named by them.

        Raises:
            SpecError: if a name is not a reader of the recipe.
        """
        for name in names:
            if name not in self.readers:
                raise SpecError(f"readers: {unknown('reader', name, self.readers)}")
        return Recipe({name: self.readers[name] for name in names}, {**self.parts, **self.readers})

    def with_router(self, name: str, rag: str = "rag", long: str = "long") -> "Recipe":
        """Add a router over two of its readers; `auto` is written out as what it stands for.

        A router that the recipe itself defines under that name is kept as it is. The part `router-NAME` holds
        settings of that router; `rag` or `long` there holds settings in which its arm differs from the recipe's.
        """
        if name in self.readers:
            return self
        if name not in ROUTER_NAMES:
            raise SpecError(f"router: {unknown('router', name, [*ROUTER_NAMES, *self.readers])}")
        arms = {"rag": rag, "long": long}
        missing = [arm for arm in arms.values() if arm not in self.readers]
        if missing:
            raise SpecError(
                f"router {name!r} routes between {rag!r} and {long!r}; add the arm {missing[0]!r}"
            )
        spec = self._routed(name, {"rag": f"@{rag}", "long": f"@{long}"})
        for key, value in self.parts.get(router_part(spec["use"]), {}).items():
            spec[key] = {**self.readers[arms[key]], **value} if key in arms else value
        part = f"[parts.{router_part(spec['use'])}]"
        for key, setting in READER.parameters(spec["use"], f"router {name}").items():
            if setting.default is setting.empty and key not in spec:
                raise SpecError(
                    f"router {name!r} needs a setting {key!r}: write {part} {key} = ... in the recipe, as one of its parts "
                    f'by "@NAME" where it is shared, or --set parts.{router_part(spec["use"])}.{key}=...'
                )
        return replace(self, readers={**self.readers, name: spec})

    def _routed(self, name: str, arms: Spec) -> Spec:
        """A router's spec over its arms; of `auto`, the part `router-auto` says how many calls a question may cost."""
        use = name
        if name == "auto":
            calls = self.parts.get(router_part("auto"), {}).get("calls", 2)
            if calls not in (1, 2):
                raise SpecError(f"parts.router-auto.calls: expected 1 or 2 calls a question, got {calls!r}")
            use = ONE_CALL if calls == 1 else AUTO
        if "arms" in READER.parameters(use, f"readers.{name}"):
            return {"use": use, "arms": list(arms.values())}
        return {"use": use, **arms}

    def completed(self) -> dict[str, Spec]:
        """Every reader's spec written out in full: references, shorthands and defaults, and collections' revisions.

        Raises:
            SpecError: on anything unknown, missing or circular, with its place.
            UsageError: on a collection that is nowhere.
            DataError: on one that cannot be read, or is not of the revision that the recipe names.
        """
        return {
            name: _pinned(BUILDER.complete(self.written_out(spec, place), READER, place))
            for name, spec in self.readers.items()
            for place in [f"readers.{name}"]
        }

    def written_out(self, spec: Spec, place: str) -> Any:  # noqa: ANN401 - plain data
        """A spec with what its references stand for, such as `@llm`; a part is written out once and shared, not copied.

        Raises:
            SpecError: on a reference to nothing, or in a circle.
        """
        expanded = self._expand(spec, place, (place,), (), {})
        check_size(expanded)
        return expanded

    def _expand(
        self,
        value: Any,  # noqa: ANN401 - plain data
        place: str,
        tables: tuple[str, ...],
        steps: tuple[str, ...],
        written: dict[str, Any],
    ) -> Any:  # noqa: ANN401
        """Replace `"@name"` by the part or reader of that name, however deep it stands.

        `tables` are those that were entered on the way to `place`, `steps` the places that named them, `written` the
        tables that are written out already.
        """
        if isinstance(value, str) and value.startswith("@"):
            name = value[1:]
            known = {**self.parts, **self.readers}
            if name not in known:
                raise SpecError(f"{place}: {unknown('part or reader', name, known)}")
            table = f"readers.{name}" if name in self.readers else f"parts.{name}"
            if len(tables) > DEEPEST:
                raise SpecError(f"{place}: more than {DEEPEST} parts that name one another")
            if table in tables:
                raise SpecError(f"{' -> '.join([*steps, place, table])}: a circle")
            if table not in written:
                written[table] = self._expand(known[name], table, (*tables, table), (*steps, place), written)
            return written[table]
        if isinstance(value, Mapping):
            return {
                key: self._expand(inner, f"{place}.{key}", tables, steps, written)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [
                self._expand(inner, f"{place}[{i}]", tables, steps, written) for i, inner in enumerate(value)
            ]
        return value


def _pinned(value: Any) -> Any:  # noqa: ANN401 - plain data
    """A completed spec with the revision and the number of documents of every collection that it names."""
    if isinstance(value, Mapping):
        if value.get("use") in COLLECTION.table:
            found = load_collection(**{key: setting for key, setting in value.items() if key != "use"})
            return {**value, "revision": collection_revision(found), "documents": len(found)}
        return {key: _pinned(inner) for key, inner in value.items()}
    return [_pinned(inner) for inner in value] if isinstance(value, list) else value


def named_parts(tables: object) -> Iterator[str]:
    """What references such as `"@llm"` name, however deep they stand."""
    if isinstance(tables, str) and tables.startswith("@"):
        yield tables[1:]
    elif isinstance(tables, Mapping | list):
        for inner in tables.values() if isinstance(tables, Mapping) else tables:
            yield from named_parts(inner)


def check_size(tables: object) -> None:
    """Refuse what nests deeper, or holds more, than any recipe does: every later step would follow it all the way."""
    level, count = [tables], 0
    for _ in range(DEEPEST):
        level = [
            inner
            for table in level
            if isinstance(table, Mapping | list)
            for inner in (table.values() if isinstance(table, Mapping) else table)
        ]
        count += len(level)
        if count > LARGEST:
            raise SpecError(f"the recipe holds more than {LARGEST:,} settings, its shared parts written out")
        if not level:
            return
    raise SpecError(f"the recipe nests deeper than {DEEPEST} tables: nothing that can be built does")


def build_readers(
    specs: Mapping[str, Spec], store: AnswerStore, finish: Finish = BUILDER.finish
) -> dict[str, Reader]:
    """Make the readers of completed specs; each keeps its answers in the store, and loads no model before it must.

    Chunkers keep there what their models write of a document.

    Readers that name each other's specs share one object, so that a router is served by the arms' own answers.
    `finish` may wrap or put off the making of every object (see `rlc.data.spec.Builder`).
    """
    names = {fingerprint(spec): name for name, spec in reversed(list(specs.items()))}

    def keep_answers(make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401
        if kind == CHUNKER.kind:  # what a model writes of a document is written once, for whoever searches it
            memory = RememberedGenerations(store)
            return remembering(finish(make, kind, spec), memory, identity(spec, CHUNKER))
        if kind != READER.kind:
            return finish(make, kind, spec)
        name = names.get(fingerprint(spec), str(spec["use"]))
        return StoredReader(partial(finish, make, kind, spec), store, identity(spec), name)

    builder = replace(BUILDER, finish=keep_answers)
    for (
        name,
        spec,
    ) in specs.items():  # before anything is made, since readers are made only when they are asked
        builder.check_code(spec, READER, f"readers.{name}")
    return {name: builder.build(spec, READER, f"readers.{name}") for name, spec in specs.items()}
