"""Data sets by name or path, with their parts and settings.

A name may go on with parts and settings: `longbench:hotpotqa,musique`, `ruler:vt,length=32768,questions=50,seed=1`,
`niah,length=4096+8192,depths=11`. Words without `=` are parts, the others settings; a `+` between values makes the set
once for each. In a recipe the same stands as `[dataset] use = "ruler"  part = ["vt"]  length = [4096, 8192]`.
"""

import importlib
import inspect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError, SpecError, UsageError, unknown
from rlc.data.formats import folder, jsonl
from rlc.data.lazy import load
from rlc.data.plain import value_of
from rlc.data.records import Dataset, Document
from rlc.data.sets import SETS, lara
from rlc.data.sets.card import Card
from rlc.data.sets.fetch import fetch
from rlc.data.spec import Builder, Family, Spec, fingerprint

DATASET = Family("data set", SETS)
BUILDER = Builder(())
REPEATABLE = ("part", "length")  # settings that may hold several values, one data set each


def load_dataset(name_or_path: str, data_root: Path | None = None) -> Dataset:
    """Load a data set by its name in `SETS`, with parts and settings, or from a folder.

    A folder is read as `rlc.data.formats.jsonl` says if it holds `documents.jsonl`, as LaRA if it holds `datasets/query`,
    else as `rlc.data.formats.folder` says.

    Args:
        name_or_path: The words or the path; a folder that is called like a data set needs `./` before its name.
        data_root: Where the files of the named data set lie, if not in the cache.

    Raises:
        UsageError: on a name that is neither known nor a folder, or an unknown part or setting.
        DataError: where the data is not here (the message says how to get it) or cannot be read.
    """
    if set_name(name_or_path) in SETS:
        return load_sets([parse(name_or_path)], data_root)
    root = Path(name_or_path).expanduser()
    if not root.is_dir():
        raise UsageError(f"{unknown('data set', set_name(name_or_path), SETS)}; and {root} is no folder")
    if (root / "documents.jsonl").exists():
        return jsonl.load(root)
    if (root / "datasets" / "query").is_dir():
        return lara.read(root)
    return folder.load(root)


def load_documents(name_or_path: str) -> Mapping[str, Document]:
    """The documents alone, by id, from where `load_dataset` finds them; a user's folder needs no questions.

    Raises:
        UsageError: on a name that is neither known nor a folder.
        DataError: where they cannot be read.
    """
    root = Path(name_or_path).expanduser()
    named = set_name(name_or_path) in SETS
    if named or not root.is_dir() or (root / "datasets" / "query").is_dir():
        return load_dataset(name_or_path).documents
    if (root / "documents.jsonl").exists():
        return jsonl.load_documents(root)
    return folder.load_documents(root)


def card_of(name: str) -> Card:
    """The card of a data set in the table."""
    card: Card = _module(name).CARD
    return card


def set_name(words: str) -> str:
    """What stands before the parts and settings.

    >>> set_name("ruler:vt,length=4096"), set_name("niah,length=4096")
    ('ruler', 'niah')
    """
    return words.partition(":")[0].partition(",")[0]


def parse(words: str) -> Spec:
    """The words of the command line as a spec.

    >>> parse("ruler:vt,fwe,length=4096+8192,haystack=texts")
    {'use': 'ruler', 'part': ['vt', 'fwe'], 'length': [4096, 8192], 'haystack': 'texts'}
    """
    name = set_name(words)
    spec: Spec = {"use": name}
    for word in filter(None, (word.strip() for word in words[len(name) + 1 :].split(","))):
        key, equals, value = word.partition("=")
        if not equals:
            spec.setdefault("part", []).append(word)
        elif key in REPEATABLE:
            spec[key] = [value_of(one) for one in value.split("+")]
        else:
            spec[key] = value_of(value)
    return spec


def load_sets(specs: Sequence[Spec], data_root: Path | None = None) -> Dataset:
    """Load or make the data sets of some specs, as one.

    Raises:
        UsageError: on an unknown name, part or setting, with the nearest one.
        DataError: where the data is not here or cannot be read.
    """
    dataset = load_completed([one for spec in specs for one in completed_sets(spec, data_root)])
    if len(specs) > 1:  # the words of all would be too long for a folder
        return replace(dataset, name="+".join(dict.fromkeys(str(spec["use"]) for spec in specs)))
    words = _words(specs[0])
    return dataset if words == specs[0]["use"] else replace(dataset, name=words)


def load_completed(specs: Sequence[Spec], data_root: Path | None = None) -> Dataset:
    """Load or make what completed specs say, such as the `settings` that were kept with a result.

    Args:
        specs: As `completed_sets` writes them.
        data_root: Where files lie now, for specs that name no place.

    Raises:
        DataError: where the data is not here or cannot be read.
    """
    place = {} if data_root is None else {"root": str(data_root)}
    placed = [{**spec, **(place if spec.get("root") == "" else {})} for spec in specs]
    by_set = [list(some) for _, some in itertools.groupby(placed, key=lambda spec: str(spec["use"]))]
    wholes = [_merged([_load_one(spec) for spec in some]) for some in by_set]
    return replace(wholes[0] if len(wholes) == 1 else _joined(wholes), settings=tuple(specs))


def completed_sets(spec: Spec, data_root: Path | None = None) -> list[Spec]:
    """A spec written out in full: one for every part and length, with all defaults.

    Raises:
        SpecError: on anything unknown, with the nearest name.
    """
    name = str(spec.get("use"))
    known = DATASET.parameters(name, "dataset")
    card = card_of(name)
    given = {key: value for key, value in spec.items() if key not in ("use", "part")}
    if "root" in known and (root := given.get("root") or data_root):
        given["root"] = str(Path(root).expanduser().resolve())
    parts = _listed(spec.get("part") or list(card.parts))
    for part in parts:
        if part not in card.parts:
            raise SpecError(f"dataset {name}: {unknown('part', part, card.parts)}")
    choices = {"part": parts} if "part" in known else {}
    choices |= {key: _listed(given.pop(key)) for key in REPEATABLE if key in given}
    words = {key for key, parameter in known.items() if parameter.annotation is str}  # 3 may be a word too
    given = {key: str(value) if key in words else value for key, value in given.items()}
    completed = [
        BUILDER.complete(
            {"use": name, **given, **dict(zip(choices, values, strict=True))}, DATASET, f"dataset {name}"
        )
        for values in itertools.product(*choices.values())
    ]
    # Where parts are tasks of one file, they choose among its questions.
    return completed if "part" in known or "part" not in spec else [{**completed[0], "part": parts}]


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - plain data
    return list(value) if isinstance(value, list | tuple) else [value]


def _load_one(spec: Spec) -> Dataset:
    make = load(SETS[spec["use"]])
    known = inspect.signature(make).parameters
    try:
        dataset: Dataset = make(**{key: value for key, value in spec.items() if key in known})
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"dataset {spec['use']}: {error}") from error
    if "part" in spec and "part" not in known:
        return dataset.where(lambda example: example.task in spec["part"])
    return dataset


def _merged(loaded: Sequence[Dataset]) -> Dataset:
    """Several parts or lengths of one set as one."""
    first = loaded[0]
    if len(loaded) == 1:
        return first
    return replace(
        first,
        examples=tuple(example for one in loaded for example in one.examples),
        documents={name: document for one in loaded for name, document in one.documents.items()},
        revision=fingerprint([one.revision for one in loaded]),
        measures={task: measure for one in loaded for task, measure in one.measures.items()},
        notes=tuple(dict.fromkeys(note for one in loaded for note in one.notes)),
    )


def _joined(loaded: Sequence[Dataset]) -> Dataset:
    """Several sets as one: tasks and ids say which they are of."""
    variants = {one.variant for one in loaded}
    variant = variants.pop() if len(variants) == 1 else "own"
    name = "+".join(one.name for one in loaded)
    return replace(_merged([_prefixed(one) for one in loaded]), name=name, variant=variant, root=None)


def _prefixed(dataset: Dataset) -> Dataset:
    """Put a set's name before its ids and tasks, so that those of two sets cannot be taken for each other."""
    name = dataset.name
    documents = {
        old: Document(id=f"{name}/{old}", page_content=one.page_content, metadata=one.metadata)
        for old, one in dataset.documents.items()
    }
    examples = tuple(
        replace(
            example,
            id=f"{name}/{example.id}",
            task=f"{name}:{example.task}",
            document=documents[example.document_id],
            gold=tuple(replace(span, document_id=f"{name}/{span.document_id}") for span in example.gold),
        )
        for example in dataset.examples
    )
    measures = {f"{name}:{task}": measure for task, measure in dataset.measures.items()}
    renamed = {f"{name}/{old}": one for old, one in documents.items()}
    return replace(dataset, examples=examples, documents=renamed, measures=measures)


def _words(spec: Spec) -> str:
    """The words of a spec, in one order, without where its files lie."""
    parts = ",".join(map(str, _listed(spec.get("part", []))))
    settings = [
        f"{key}={'+'.join(map(str, _listed(value)))}"
        for key, value in sorted(spec.items())
        if key not in ("use", "part", "root")
    ]
    return ",".join(filter(None, [f"{spec['use']}:{parts}" if parts else str(spec["use"]), *settings]))


def fetch_dataset(name: str, origin: Path | None = None, accepted: str = "") -> Path:
    """Bring a data set of the table into the cache, and hold it to be what its loader reads.

    Raises:
        UsageError: on an unknown name, or terms that are not accepted.
        DataError: where it cannot be had, or is not that data set.
    """
    fetched = {one for one in SETS if card_of(one).source is not None}
    if name not in fetched:
        raise UsageError(unknown("data set to fetch", name, fetched))
    module = _module(name)
    prepare = getattr(module, "prepare", None) or partial(_try, name)
    return fetch(module.CARD, origin=origin, accepted=accepted, prepare=prepare)


def _try(name: str, root: Path) -> None:
    """Read one part of freshly brought files."""
    try:
        _load_one(completed_sets({"use": name, "part": list(card_of(name).parts)[:1]}, root)[0])
    except DataError as error:
        raise DataError(f"these are not the files of {card_of(name).title}: {error}") from error


def _module(name: str) -> Any:  # noqa: ANN401 - the module of a data set
    return importlib.import_module(SETS[name].partition(":")[0])
