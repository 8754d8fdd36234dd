"""Data sets by name or path."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rlc.data.errors import UsageError, unknown
from rlc.data.formats import folder, jsonl
from rlc.data.lazy import load
from rlc.data.records import Dataset, Document
from rlc.data.sets import lara
from rlc.data.sets.fetch import check_lara, lara_folder
from rlc.data.weights import cache_folder

SAMPLE = Path(__file__).parent / "sample"

# Name -> a function from a data root (or None) to the data set.
DATASETS: Mapping[str, str] = {
    "lara": "rlc.data.datasets:load_lara",
    "sample": "rlc.data.datasets:load_sample",
}

_PUBLISHED_LENGTHS = {"32k", "128k"}


def load_dataset(name_or_path: str, data_root: Path | None = None) -> Dataset:
    """Load a data set by its name in `DATASETS`, or from a folder.

    A folder is read as `rlc.data.formats.jsonl` says if it holds `documents.jsonl`, as LaRA if it holds `datasets/query`,
    else as `rlc.data.formats.folder` says.

    Args:
        name_or_path: The name or the path; a folder that is called like a data set needs `./` before its name.
        data_root: Where LaRA lies; only `lara` looks at it.

    Raises:
        UsageError: on a name that is neither known nor a folder.
        DataError: where the data cannot be read.
    """
    if name_or_path in DATASETS:
        dataset: Dataset = load(DATASETS[name_or_path])(data_root)
        return dataset
    root = Path(name_or_path).expanduser()
    if not root.is_dir():
        raise UsageError(f"{unknown('data set', name_or_path, DATASETS)}; and {root} is no folder")
    if (root / "documents.jsonl").exists():
        return jsonl.load(root)
    if (root / "datasets" / "query").is_dir():
        return _read_lara(root)
    return folder.load(root)


def load_documents(name_or_path: str) -> Mapping[str, Document]:
    """The documents alone, by id, from where `load_dataset` finds them; a user's folder needs no questions.

    Raises:
        UsageError: on a name that is neither known nor a folder.
        DataError: where they cannot be read.
    """
    root = Path(name_or_path).expanduser()
    if name_or_path in DATASETS or not root.is_dir() or (root / "datasets" / "query").is_dir():
        return load_dataset(name_or_path).documents
    if (root / "documents.jsonl").exists():
        return jsonl.load_documents(root)
    return folder.load_documents(root)


def load_lara(data_root: Path | None = None) -> Dataset:
    """LaRA from `data_root`, else `RLC_DATA`, else the cache; where none is given or fetched, the bundled sample.

    The sample is told by `variant="sample"`. A place that is given and does not hold LaRA is an error.

    Raises:
        DataError: where the place does not hold LaRA, or the fetched files are no longer what was fetched.
    """
    given = data_root or (Path(os.environ["RLC_DATA"]) if os.environ.get("RLC_DATA") else None)
    if given is not None:
        return _read_lara(given.expanduser())
    cache = cache_folder()
    if lara_folder(cache).exists():
        return _read_lara(check_lara(cache))
    return load_sample()


def load_sample(_data_root: Path | None = None) -> Dataset:
    """The bundled sample: LaRA's layout, documents and questions of this project's own."""
    return lara.load(SAMPLE, variant="sample")


def _read_lara(root: Path) -> Dataset:
    """Read LaRA's layout; only the published lengths may be called the benchmark."""
    if root.resolve() == SAMPLE.resolve():
        return load_sample()
    dataset = lara.load(root)
    lengths = {example.metadata["length"] for example in dataset.examples}
    return dataset if lengths <= _PUBLISHED_LENGTHS else replace(dataset, variant="own")
