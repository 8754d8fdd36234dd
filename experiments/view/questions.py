"""Which questions a person wants to see: by task, length, verdict, model, and words in question, gold or answers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

import numpy as np
import polars as pl

from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Mask, Study

PAGE = 50  # questions a page
VERDICTS: Mapping[str, str] = {
    "": "any",
    "right": "all right",
    "wrong": "none right",
    "long": "only long context",
    "rag": "only retrieval",
    "differs": "arms differ",
    "failed": "one failed",
}


@dataclass(frozen=True)
class Wanted:
    """What is asked for, as the page's address says it; `model` is a group of readers. Empty takes everything."""

    task: str = ""
    length: str = ""
    verdict: str = ""
    model: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Wanted":
        """Read an address; what it does not know is passed over."""
        number = given.get("page", "")
        page = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else 1
        named = {name: given.get(name, "") for name in ("task", "length", "verdict", "model", "text")}
        return cls(**named, page=max(1, page))

    def query(self, **more: object) -> str:
        """The address that asks for this, or for this with some of it changed."""
        said = {**asdict(self), **more}
        return urlencode(
            {name: str(value) for name, value in said.items() if value and (name, value) != ("page", 1)}
        )


def readers_wanted(study: Study, wanted: Wanted) -> list[ReaderInfo]:
    """The readers of the model that is asked for, or all."""
    return study.groups.get(wanted.model) or list(study.readers)


def find(study: Study, wanted: Wanted) -> list[int]:
    """The places of the questions in the study, in its order."""
    readers = readers_wanted(study, wanted)
    examples = study.examples
    mask = np.ones(examples.height, dtype=bool)
    for column in ("task", "length"):
        if value := getattr(wanted, column):
            mask &= (examples[column] == value).fill_null(value=False).to_numpy()
    if wanted.verdict:
        mask &= by_verdict(study, readers, wanted.verdict)
    if wanted.text.strip():
        mask &= _holding(study, readers, wanted.text.strip())
    found: list[int] = np.flatnonzero(mask).tolist()
    return found


def by_verdict(study: Study, readers: Sequence[ReaderInfo], verdict: str) -> Mask:
    """The questions on which these readers' verdicts are so; an answer without a verdict counts for nothing.

    Only long context: every arm that reads all has a higher figure than every one that retrieves; only retrieval: the other
    way around.
    """
    if verdict == "failed":
        return _failed(study, readers)
    low, high = _extremes(study, readers)
    if verdict in ("long", "rag"):
        (lowest, _), (_, highest) = (
            _extremes(study, [one for one in readers if one.role == role])
            for role in (("long", "rag") if verdict == "long" else ("rag", "long"))
        )
        return np.asarray(lowest > highest)
    masks = {"right": low == 1, "wrong": high == 0, "differs": low < high}
    return np.asarray(masks.get(verdict, np.ones(len(low), dtype=bool)))


def _extremes(study: Study, readers: Sequence[ReaderInfo]) -> tuple[np.ndarray, np.ndarray]:
    """By question, the lowest and the highest figure of these readers; NaN, which compares with nothing, where none has one."""
    table = np.stack([np.full(study.examples.height, np.nan), *(study.outcomes[one.name] for one in readers)])
    return np.fmin.reduce(table), np.fmax.reduce(table)


def _failed(study: Study, readers: Sequence[ReaderInfo]) -> Mask:
    failed = pl.concat(
        study.rows(one, "example_id", "error").drop_nulls("error")["example_id"] for one in readers
    )
    return study.examples["example_id"].is_in(failed.implode()).to_numpy()


def _holding(study: Study, readers: Sequence[ReaderInfo], text: str) -> Mask:
    """The questions that hold a text: in their id, words, gold answers, or one of the readers' answers."""

    def holds(column: pl.Expr) -> pl.Expr:
        return column.str.to_lowercase().str.contains(text.lower(), literal=True).fill_null(value=False)

    theirs = pl.col("reader").is_in([one.name for one in readers])
    said = study.run.table.where("example_id", of=theirs & holds(pl.col("prediction")))["example_id"]
    own = holds(pl.col("question")) | holds(pl.col("example_id")) | holds(pl.col("answers").list.join("\n"))
    said_here = pl.col("example_id").is_in(said.implode())
    return study.asked_in("example_id", "question", "answers").select(own | said_here).to_series().to_numpy()
