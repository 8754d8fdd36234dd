"""Recipes: the only place where names meet objects.

A recipe is a TOML file of `[parts.NAME]` and `[readers.NAME]` tables. A part is a spec that several readers share
(`llm = "@llm"` stands for `[parts.llm]`); a reader may be named the same way (`rag = "@rag"`).
"""

import copy
import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer

from rlc.chunkers import CHUNKERS
from rlc.data import protocols
from rlc.data.collection import collection_revision, load_collection
from rlc.data.errors import SpecError, unknown
from rlc.data.lazy import load
from rlc.data.prompt_files import ENGLISH, read_prompts
from rlc.data.protocols import Reader
from rlc.data.records import Document
from rlc.data.spec import (
    Builder,
    Family,
    Finish,
    Spec,
    fingerprint,
    holds_table,
    names_prompts,
    names_weights,
)
from rlc.data.store import Store
from rlc.data.tokens import APPROXIMATE
from rlc.data.trust import source_digest
from rlc.data.weights import revision_of
from rlc.pipeline.kv import KV
from rlc.pipeline.kv.base import Eviction
from rlc.pipeline.llms import LLMS
from rlc.pipeline.readers import READERS
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.routers import AUTO, ONE_CALL, ROUTERS
from rlc.retrievers import RETRIEVERS
from rlc.retrievers.base import RetrieverFactory
from rlc.retrievers.encoders import ENCODERS
from rlc.retrievers.prune import PRUNERS
from rlc.retrievers.prune.support.checkpoints import MINI, packaged_revision
from rlc.retrievers.rerank import RERANKERS
from rlc.retrievers.select import SELECTORS

READER = Family("reader", {**READERS, **ROUTERS}, [protocols.Reader], aliases={"auto": AUTO})
CHUNKER = Family("chunker", CHUNKERS, [BaseDocumentTransformer])
RETRIEVER = Family("retriever", RETRIEVERS, [RetrieverFactory], constructor="from_documents", deferred=True)
STEP = Family("step", {**SELECTORS, **RERANKERS, **PRUNERS}, [BaseDocumentCompressor])
ENCODER = Family("encoder", ENCODERS, [protocols.Encoder], shorthand="sentence-transformer")
EVICTION = Family("kv", KV, [Eviction])
LLM = Family("llm", LLMS, [protocols.LLM, protocols.Scorer], shorthand="hf")
TOKENIZER = Family(
    "tokenizer",
    {"tokenizer": "rlc.data.tokens:load_tokenizer"},
    [protocols.Tokenizer],
    shorthand="tokenizer",
)
COLLECTION = Family(
    "collection",
    {"documents": "rlc.data.collection:load_collection"},
    [Sequence[Document]],
    shorthand="documents",
    names="of",
)
SEARCHER = Family("searcher", {"search": "rlc.pipeline.readers.support.searching:Searcher"}, [Searcher])
BUILDER = Builder((READER, SEARCHER, CHUNKER, RETRIEVER, STEP, ENCODER, EVICTION, LLM, TOKENIZER, COLLECTION))


BESIDE = ("dataset", "sweep")  # tables of a recipe file that are no part of the recipe


DEEPEST = 48  # tables inside tables, and parts that name parts
LARGEST = 100_000  # settings of a recipe, its shared parts written out


@dataclass(frozen=True)
class Recipe:
    """Specs of readers by name, and the parts that they share."""

    readers: Mapping[str, Spec]
    parts: Mapping[str, Spec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for tables in ("readers", "parts"):
            object.__setattr__(self, tables, present_names(getattr(self, tables)))

    def only(self, names: Sequence[str]) -> "Recipe":
        """The same recipe with these readers, in this order; the others may still be named by them.

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
        if name not in {**ROUTERS, "auto": AUTO}:
            raise SpecError(f"router: {unknown('router', name, [*ROUTERS, 'auto', *self.readers])}")
        arms = {"rag": rag, "long": long}
        missing = [arm for arm in arms.values() if arm not in self.readers]
        if missing:
            raise SpecError(
                f"router {name!r} routes between {rag!r} and {long!r}; add the arm {missing[0]!r}"
            )
        spec = self._routed(name, {"rag": f"@{rag}", "long": f"@{long}"})
        for key, value in self.parts.get(f"router-{spec['use']}", {}).items():
            spec[key] = {**self.readers[arms[key]], **value} if key in arms else value
        return replace(self, readers={**self.readers, name: spec})

    def _routed(self, name: str, arms: Spec) -> Spec:
        """A router's spec over its arms; of `auto`, the part `router-auto` says how many calls a question may cost."""
        use = name
        if name == "auto":
            calls = self.parts.get("router-auto", {}).get("calls", 2)
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
            name: _pinned(BUILDER.complete(self._written_out(spec, place), READER, place))
            for name, spec in self.readers.items()
            for place in [f"readers.{name}"]
        }

    def _written_out(self, spec: Spec, place: str) -> Any:  # noqa: ANN401 - plain data
        """The spec with what its references stand for; a part is written out once and shared, not copied."""
        expanded = self._expand(spec, place, (place,), (), {})
        _check_size(expanded)
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


def present_names(value: Any) -> Any:  # noqa: ANN401 - plain data
    """Specs with their settings called as they are now: what makes a retriever was `index`, and is `retriever`."""
    if isinstance(value, Mapping):
        return {_present_name(key, value): present_names(inner) for key, inner in value.items()}
    return [present_names(inner) for inner in value] if isinstance(value, list) else value


def _present_name(key: str, spec: Mapping[str, Any]) -> str:
    if key != "index" or "retriever" in spec:
        return key
    method = spec.get("use")
    # The dense retriever's `index` is a kind of FAISS.
    own = method in RETRIEVERS and key in RETRIEVER.parameters(str(method), key)
    return key if own else "retriever"


def _first_names(value: Any) -> Any:  # noqa: ANN401 - plain data
    """A completed spec with its settings called as they were when the first answers were stored."""
    if isinstance(value, Mapping):
        return {
            "index" if key == "retriever" else key: _first_names(inner)
            for key, inner in value.items()
            if (key, inner) != ("prompt", ENGLISH)  # before prompts stood in files, all were these
        }
    return [_first_names(inner) for inner in value] if isinstance(value, list) else value


def load_recipe(source: Path | str) -> Recipe:
    """Read a recipe file, or a text of that form.

    A `[sweep]` table (`rlc.experiments.sweep.recipe`) and a `[dataset]` (`dataset_specs`) are no part of it.

    Raises:
        SpecError: if it cannot be read or is not a recipe.
    """
    tables = read_tables(source)
    return recipe_of({key: table for key, table in tables.items() if key not in BESIDE})


def dataset_specs(source: Path | str) -> list[Spec]:
    """The data sets that a recipe asks about: its `[dataset]` or `[[dataset]]` tables, as they stand; none without.

    Raises:
        SpecError: if it cannot be read, or a table names no data set.
    """
    tables = read_tables(source).get("dataset", [])
    specs = [tables] if isinstance(tables, Mapping) else tables
    for spec in specs:
        if not isinstance(spec, Mapping) or "use" not in spec:
            raise SpecError(f'dataset: expected a table such as [dataset] use = "ruler", got {spec!r}')
    return [dict(spec) for spec in specs]


def read_tables(source: Path | str) -> dict[str, Any]:
    """The tables of a TOML file, or of a text of that form.

    Raises:
        SpecError: if it cannot be read.
    """
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        return tomllib.loads(text)
    except RecursionError as error:
        raise SpecError(
            f"the recipe nests deeper than {DEEPEST} tables: nothing that can be built does"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        name = source if isinstance(source, Path) else ""
        raise SpecError(
            f"cannot read the recipe {name}: {error}; `rlc init` writes one to begin with"
        ) from error


def recipe_of(tables: Mapping[str, Any]) -> Recipe:
    """The recipe that stands in these tables.

    Raises:
        SpecError: if they are not those of a recipe.
    """
    for key, table in tables.items():
        if key not in ("readers", "parts"):
            raise SpecError(f"{key}: {unknown('table', key, ['readers', 'parts', *BESIDE])}")
        if not isinstance(table, Mapping):
            raise SpecError(f"{key}: expected [{key}.NAME] tables, got {table!r}")
    _check_size(tables)
    if not tables.get("readers"):
        raise SpecError(
            "the recipe has no [readers.NAME] table, so there is nothing to compare; `rlc init` writes one"
        )
    return Recipe(tables["readers"], tables.get("parts", {}))


def _check_size(tables: object) -> None:
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


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Change settings by path, such as `readers.rag.chunker.size=300`; values are TOML, or else plain strings.

    Raises:
        SpecError: if a setting is not of that form or its path leads nowhere.
    """
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or "." not in path:
            raise SpecError(f"--set {setting}: expected path=value, such as readers.rag.chunker.size=300")
        recipe = with_setting(recipe, path.strip(), _value(value.strip()), "--set ")
    return recipe


def with_setting(recipe: Recipe, path: str, value: object, place: str = "") -> Recipe:
    """Change one setting by its path; messages call it by `place` and the path.

    Raises:
        SpecError: if the path leads nowhere.
    """
    root: Any = {
        "readers": copy.deepcopy(dict(recipe.readers)),
        "parts": copy.deepcopy(dict(recipe.parts)),
    }
    table = root
    built = _families(recipe)
    *folders, key = path.split(".")
    said = f"{place}{path}"
    free = False  # within a table of whatever its user likes
    for i, name in enumerate(folders):
        step = _step(table, name, said)
        free = free or _holds_table(table, step)
        if free and isinstance(table, dict):
            table.setdefault(step, {})
        folders[i] = str(step)
        if isinstance(table, Mapping) and step not in table:
            raise SpecError(f"{said}: {unknown('setting', name, table)}")
        inner = table[step]
        if isinstance(inner, str):  # a bare name, such as chunker = "recursive", gets settings of its own
            reached = ".".join(folders[: i + 1])
            inner = table[step] = _spelled_out(inner, f"{place}{reached}", built.get(reached))
        table = inner
    table[_step(table, key, said)] = present_names(value)
    return Recipe(root["readers"], root["parts"])


def _step(table: object, name: str, said: str) -> Any:  # noqa: ANN401 - a table's key or a list's index
    if isinstance(table, Mapping):
        return "retriever" if name == "index" and "retriever" in table else _present_name(name, table)
    if not isinstance(table, list):
        raise SpecError(f"{said}: there is no {name!r} in {table!r}, which is a value and no table")
    if not name.isdecimal() or int(name) >= len(table):
        raise SpecError(f"{said}: {unknown('item', name, map(str, range(len(table))))}")
    return int(name)


def _holds_table(spec: object, name: str) -> bool:
    """Whether a spec's setting is a table of whatever its user likes, such as `extra_body` of an endpoint."""
    use = str(spec.get("use")) if isinstance(spec, Mapping) else ""
    settings = [family.parameters(use, "").get(name) for family in BUILDER.families if use in family.table]
    return any(setting is not None and holds_table(setting.annotation) for setting in settings)


def _spelled_out(name: str, said: str, family: Family | None) -> Spec:
    if name.startswith("@"):
        raise SpecError(f"{said}: is shared ({name}); set it where {name[1:]!r} is defined")
    return family.spelled_out(name) if family else {"use": name}


def _families(recipe: Recipe) -> dict[str, Family]:
    """What every part and setting of a recipe is built from, by its path; a part is what its first user makes of it."""
    tables = {f"parts.{name}": part for name, part in recipe.parts.items()}
    tables |= {f"readers.{name}": spec for name, spec in recipe.readers.items()}
    paths = {path.partition(".")[2]: path for path in tables}
    found: dict[str, Family] = {}
    # Parts of routers wait until the readers have been seen.
    waiting = [(f"readers.{name}", spec, READER) for name, spec in recipe.readers.items()] + [
        (f"parts.router-{name}", {"use": name, **recipe.parts[f"router-{name}"]}, READER)
        for name in ROUTERS
        if isinstance(recipe.parts.get(f"router-{name}"), Mapping)
    ]
    while waiting:
        path, value, family = waiting.pop(0)
        if path not in found:
            found[path] = family
            if isinstance(value, str) and value.startswith("@") and value[1:] in paths:
                shared = paths[value[1:]]
                waiting.append((shared, tables[shared], family))
            waiting += _settings_built(value, family, path)
    return found


def _settings_built(value: object, family: Family, path: str) -> Iterator[tuple[str, Any, Family]]:
    """The settings of a spec, as a user writes it, that are built from specs of their own."""
    if not isinstance(value, Mapping) or value.get("use") not in {*family.table, *family.aliases}:
        return
    for key, parameter in family.parameters(value["use"], path).items():
        inner = BUILDER.family_of(parameter.annotation)
        if inner is not None and isinstance(value.get(key), list):
            yield from ((f"{path}.{key}.{i}", item, inner) for i, item in enumerate(value[key]))
        elif inner is not None and key in value:
            yield f"{path}.{key}", value[key], inner


def _value(text: str) -> Any:  # noqa: ANN401 - plain data
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def build_readers(
    specs: Mapping[str, Spec], store: Store, finish: Finish = BUILDER.finish
) -> dict[str, Reader]:
    """Make the readers of completed specs; each keeps its answers in the store, and loads no model before it must.

    Readers that name each other's specs share one object, so that a router is served by the arms' own answers.
    `finish` may wrap or put off the making of every object (see `rlc.data.spec.Builder`).
    """
    names = {fingerprint(spec): name for name, spec in reversed(list(specs.items()))}

    def keep_answers(make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401
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


def takes(spec: Spec, setting: str) -> bool:
    """Whether the reader of this spec has such a setting."""
    made = READER.table.get(str(spec.get("use")))
    return made is not None and setting in inspect.signature(load(made)).parameters


def role_of(spec: Spec) -> str:
    """What the reader of this spec stands for (`rlc.data.protocols.Role`); `other` where no table knows it."""
    made = READER.table.get(str(spec.get("use")))
    return "other" if made is None else str(load(made).role or spec.get("arm") or "other")


def pays(spec: Spec) -> str:
    """What the router of this spec is charged (`rlc.data.protocols.Pays`); empty for what is no router."""
    made = ROUTERS.get(str(spec.get("use")))
    return "" if made is None else str(load(made).pays)


def identity(spec: Spec) -> str:
    """What stands for a reader's completed spec in the store: the spec, its models' revisions, its methods' versions.

    Methods of version 1 are not told, so that answers of methods that never changed stay where they are.
    """
    versions = {
        place: version
        for family, place, inner in BUILDER.walk(spec, READER, "reader")
        if (version := getattr(family.method(inner["use"], place), "VERSION", 1)) != 1
    }
    return fingerprint([_first_names(spec), revisions(spec), *([versions] if versions else [])])


def revisions(
    spec: Spec, family: Family = READER, of: Callable[[str, str | None], str] | None = None
) -> dict[str, str]:
    """The revisions of all models that a completed spec names, and digests of files: routers' fits, prompts, code.

    The English prompts that ship are part of their method, whose `VERSION` rises with them. `of` says how a model's
    revision is told: as it was wanted, which is known before anything is loaded, or as it was read.
    """
    tell = of or revision_of
    found: dict[str, str] = {}
    for owner, place, inner in BUILDER.walk(spec, family, family.kind):
        for key, parameter in owner.parameters(inner["use"], place).items():
            model = inner.get(key)
            if (
                isinstance(model, str)
                and model not in ("", APPROXIMATE)
                and names_weights(parameter.annotation)
            ):
                found[model] = packaged_revision() if model == MINI else tell(model, inner.get("revision"))
            if isinstance(model, str) and model != ENGLISH and names_prompts(parameter.annotation):
                found[f"{inner['use']}.{key}={model}"] = read_prompts(
                    owner.method(inner["use"], place), model
                ).digest
        for key in getattr(owner.method(inner["use"], place), "CODE", ()):
            target = inner.get(key)
            if isinstance(target, str) and (digest := source_digest(target)):
                found[target] = digest
        fit = inner.get("fit")
        if isinstance(fit, str) and Path(fit).is_file():
            found[fit] = fingerprint(Path(fit).read_text(encoding="utf-8", errors="replace"))
    return found
