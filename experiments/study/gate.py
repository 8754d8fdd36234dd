"""A gate for runs: whether figures hold what is asked of them, decided by the end of their interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import polars as pl

from rlc.data.errors import UsageError, unknown
from rlc.experiments.statistics.intervals import Estimate, estimate
from rlc.experiments.study.diff import RunDiff
from rlc.experiments.study.study import Study


class Verdict(Enum):
    """Whether a figure holds: as far as its interval shows."""

    HOLDS = "holds"
    BROKEN = "broken"
    OPEN = "cannot be told"


@dataclass(frozen=True)
class Check:
    """A figure of a reader and the limit that it was held against.

    `most` says on which side it must stay: at or below the limit, or at or above it.
    """

    reader: str
    what: str
    found: Estimate
    limit: float
    most: bool

    @property
    def verdict(self) -> Verdict:
        """Holds if the whole interval is on the right side, is broken if all of it is on the wrong one."""
        low, high = self.found.low, self.found.high
        if low is None or high is None:
            return Verdict.OPEN
        if self.most:
            return (
                Verdict.HOLDS if high <= self.limit else Verdict.BROKEN if low > self.limit else Verdict.OPEN
            )
        return Verdict.HOLDS if low >= self.limit else Verdict.BROKEN if high < self.limit else Verdict.OPEN


def _failed(study: Study, reader: str) -> Estimate:
    rows = study.rows(study.reader(reader), "error", "document_id")
    failed = rows["error"].is_not_null().cast(pl.Float64) * 100
    return estimate(failed, rows["document_id"].to_list())


def _column(name: str) -> Callable[[Study, str], Estimate]:
    def mean(study: Study, reader: str) -> Estimate:
        rows = study.answered(study.reader(reader), name, "document_id").drop_nulls(name)
        return estimate(rows[name].cast(pl.Float64), rows["document_id"].to_list())

    return mean


def _accuracy(study: Study, reader: str) -> Estimate:
    return in_percent(study.overall[reader])


FIGURES: Mapping[str, Callable[[Study, str], Estimate]] = {
    "accuracy": _accuracy,  # percent of the judged answers that are right, or the mean of the measure
    "failed": _failed,  # percent of the questions
    "prompt_tokens": _column("prompt_tokens"),
    "output_tokens": _column("output_tokens"),
    "seconds": _column("seconds"),
}


def in_percent(found: Estimate) -> Estimate:
    """A share and its interval in percent."""
    value, low, high = (None if x is None else 100 * x for x in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.n, found.clusters)


def check_figures(
    study: Study, limits: Sequence[tuple[str, float]], most: bool, readers: Sequence[str]
) -> list[Check]:
    """Hold figures of these readers against limits: at least so much of each, or at `most`.

    Raises:
        UsageError: for a figure or a reader that there is not.
    """
    for name in readers:
        if name not in study.run.table.readers:
            raise UsageError(unknown("reader", name, study.run.table.readers))
    for name, _ in limits:
        if name not in FIGURES:
            raise UsageError(unknown("figure", name, FIGURES))
    return [
        Check(reader, name, FIGURES[name](study, reader), limit, most)
        for name, limit in limits
        for reader in readers
    ]


def check_losses(found: RunDiff, most: float, readers: Sequence[str]) -> list[Check]:
    """Hold each reader's paired change since a baseline (the first run) against a loss of `most` points.

    Raises:
        UsageError: for a reader that is not in both runs.
    """
    changes = {one.second: one for one in found.changes}
    for name in readers:
        if name not in changes:
            raise UsageError(unknown("reader of both runs", name, changes))
    return [
        Check(
            name,
            "change since the baseline, points",
            in_percent(changes[name].comparison.difference),
            -most,
            False,
        )
        for name in readers
    ]
