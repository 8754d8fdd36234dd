"""At which length an arm breaks: means by task and length, and the longest length that it keeps up."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from rlc.data.datasets import card_of
from rlc.experiments.scorers.overall import RULER_THRESHOLD, by_length

BY_LENGTH = ("effective-length", "relative-length")
REACHED = ("reader", "task", "length", "error", "value")
ALL_TASKS = "all tasks"


class Reach(NamedTuple):
    """A reader on a task: its mean at each length, ascending, and the first length at which it falls short, if any."""

    reader: str
    task: str
    means: Mapping[float, float]
    breaks_at: float | None


def is_sized(data: Mapping[str, Any]) -> bool:
    """Whether lengths are what the data set is about, as provenance describes it."""
    return any(card_of(spec["use"]).overall in BY_LENGTH for spec in data.get("settings", ()))


def failed_as_wrong(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with 0 for failed answers: an arm that finds nothing to read at a length does not keep it up."""
    return rows.with_columns(
        value=pl.when(pl.col("error").is_not_null()).then(0.0).otherwise(pl.col("value"))
    )


def reaches(rows: pl.DataFrame, threshold: float = RULER_THRESHOLD) -> Iterator[Reach]:
    """By reader and task, and for all tasks of a reader where there are several; none without two lengths.

    Failed answers count as wrong.
    """
    rows = failed_as_wrong(rows)
    for (reader,), part in rows.group_by("reader", maintain_order=True):
        tasks = {str(task): one for (task,), one in part.group_by("task", maintain_order=True)}
        if len(tasks) > 1:
            tasks[ALL_TASKS] = part
        for task, one in tasks.items():
            means = by_length(one)
            if len(means) > 1:
                breaks = next((length for length, mean in means.items() if mean < threshold), None)
                yield Reach(str(reader), task, means, breaks)


def units(length: float) -> str:
    """A length in short.

    >>> units(512), units(4096), units(16000), units(1_000_000)
    ('512', '4,096', '16k', '1M')
    """
    for scale, letter in ((1_000_000, "M"), (1_000, "k")):
        if length >= scale and length % scale == 0:
            return f"{length / scale:.0f}{letter}"
    return f"{length:,.0f}"
