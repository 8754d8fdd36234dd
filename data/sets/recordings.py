"""What models answered when a data set's authors asked them.

A data set that has such answers offers two functions beside its loader: `recorded_models(root)`, the models' names, and
`recordings(root, model)`, by arm and by the example's id what the model said.
"""

import ast
import importlib
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.documents import Document

from rlc.data.errors import DataError, UsageError
from rlc.data.formats.files import JsonRow, read_rows
from rlc.data.records import Example
from rlc.data.sets import SETS

LONGEST = 200_000  # characters of a literal; a list of gold values is far shorter


class Recording(NamedTuple):
    """A recorded answer of a model. `failure` says why there is none; `answers` are the gold ones that it was asked with, where known."""

    prediction: str | None
    failure: str | None = None
    answers: tuple[str, ...] | None = None


RECORDED_FAILURE = "RecordedFailure"  # how the error of a question begins that a recording can never answer

Recordings = Mapping[str, Mapping[str, Recording]]  # by arm (`rag`, `long`), then by the example's id


def recorded_models(name: str, root: Path) -> list[str]:
    """The models whose answers to a data set lie below a folder.

    Raises:
        UsageError: where nobody's answers to it are known.
        DataError: where the folder holds none.
    """
    models: list[str] = _module(name).recorded_models(root)
    if not models:
        raise DataError(f"{root}: holds no recorded answers to {name}")
    return models


def recorded_arms(name: str, root: Path, model: str) -> frozenset[str]:
    """The arms (`rag`, `long`) of which a model's answers to a data set were recorded, told without reading them.

    Raises:
        UsageError: where nobody's answers to it are known.
    """
    return frozenset(_module(name).recorded_arms(root, model))


@cache
def recordings(name: str, root: Path, model: str) -> Recordings:
    """What a model answered to the questions of a data set, with retrieval and with the whole text; read once a process.

    Raises:
        UsageError: where nobody's answers to it are known, or not this model's.
        DataError: where they cannot be read.
    """
    found: Recordings = _module(name).recordings(root, model)
    return found


class Readable(NamedTuple):
    """What was made of the rows of a file that could be read, and sentences on the others."""

    made: list[Any]
    notes: tuple[str, ...]


def readable_rows(path: Path, make: Callable[[JsonRow], Any]) -> Readable:
    """Make something of every row of a file of answers that can be read: nobody can fetch a better one.

    Raises:
        DataError: where the file is absent, damaged, or no row of it can be read.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = read_rows(path, make, strict=False)
    if not made:
        raise DataError(f"{path}: no row could be read; {caught[0].message if caught else 'it is empty'}")
    return Readable(made, tuple(str(one.message) for one in caught))


UNSEEN = "the texts were not recorded: each question counts as a document of its own, and lengths and tokens of texts are not known"


def unseen_example(name: str, task: str, answers: tuple[str, ...], question: str = "") -> Example:
    """An example of which only the answers were recorded: its text says so."""
    document = Document(
        id=name, page_content=f"The text of {name} was not recorded.", metadata={"kind": "unknown"}
    )
    return Example(
        name,
        question or f"Question {name}, which was not recorded.",
        document,
        answers,
        task,
        answerable=True,
    )


def literal(text: object) -> Any:  # noqa: ANN401 - plain data
    """A value that was written as Python writes lists; what is no list stays as it is. Nothing is evaluated.

    >>> literal("['a', 1]"), literal("a [b]"), literal([2])
    (['a', 1], 'a [b]', [2])
    """
    if not isinstance(text, str) or not text.startswith("[") or len(text) > LONGEST:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _module(name: str) -> Any:  # noqa: ANN401 - the module of a data set
    module = importlib.import_module(SETS[name].partition(":")[0]) if name in SETS else None
    if not hasattr(module, "recordings"):
        raise UsageError(
            f"no recorded answers to {name!r} are known; they are of {', '.join(recorded_sets())}"
        )
    return module


def recorded_sets() -> list[str]:
    """The data sets to which answers of models were recorded."""
    return [
        name for name in SETS if hasattr(importlib.import_module(SETS[name].partition(":")[0]), "recordings")
    ]
