"""What a question costs as a function of how many are asked about its document.

A *first* question pays for its document: it is indexed, or read with little of it cached. A *further* question finds
that done. For q questions a document

    cost(q) = first / q + (1 - 1 / q) * further = (first - further) / q + further.

First questions are told by what they were charged, not by their place: one that asked again later, when the document
had left the cache, is a first one too. Where an engine keeps nothing, or does not say that it does, every question is
a first one and the cost is the same for every q. What an answer cost once stays with it in the store, so a resumed
run tells the same.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rlc.experiments.statistics.intervals import REPLICATES, Estimate, estimate
from rlc.experiments.statistics.resample import Floats

Bools = NDArray[np.bool_]

COMPUTED = pl.col("prompt_tokens") - pl.col("cached_tokens") + pl.col("index_tokens")
"""Prompt tokens that had to be computed, and those spent on indexing; new tokens are not among them."""

_INDEXED = (pl.col("index_seconds") > 0) | (pl.col("index_tokens") > 0)
PIECES_READ = pl.col("evidence").list.len().fill_null(0).alias("pieces")
"""How many pieces of text an answer was read from."""
_READ_WHOLE = pl.col("pieces") == 0
_LITTLE_CACHED = 2 * pl.col("cached_tokens") < pl.col("prompt_tokens")
FIRST = _INDEXED | (_READ_WHOLE & _LITTLE_CACHED)
"""Whether a question paid for its document. Passages differ from question to question, so the cache tells nothing of
them; a text that is read whole is cached but for the question, or not."""


COSTS = sorted({"error", "document_id", "seconds", *COMPUTED.meta.root_names(), *FIRST.meta.root_names()})
"""The columns that costs are made of; `pieces` counts those of the evidence."""


@dataclass(frozen=True)
class Costs:
    """One reader's costs in one unit, by question.

    `values` are what the questions cost, `first` says which paid for their document, `documents` whose they are.
    """

    values: Floats
    first: Bools
    documents: list[str]

    @property
    def questions(self) -> float:
        """Questions a document, in the mean."""
        return len(self.values) / max(1, len(set(self.documents)))

    @property
    def mean(self) -> float | None:
        """What a question cost in this run."""
        return _mean(self.values)

    @property
    def first_mean(self) -> float | None:
        """What a first question cost; None where there was none."""
        return _mean(self.values[self.first])

    @property
    def further_mean(self) -> float | None:
        """What a further question cost; None where every question paid for its document."""
        return _mean(self.values[~self.first])

    def interval(self, chosen: Bools) -> Estimate:
        """The mean over some of the questions, with its interval by document, which a cost below 0 cannot be in."""
        documents = [d for d, one in zip(self.documents, chosen, strict=True) if one]
        found = estimate(self.values[chosen], documents)
        return found if found.low is None else replace(found, low=max(0.0, found.low))

    def at(self, questions: float) -> float | None:
        """cost(q); None where there are no first or no further questions to tell it from.

        Raises:
            ValueError: if q is below 1.
        """
        if questions < 1:
            raise ValueError(f"a document that is asked about has at least 1 question, got {questions}")
        if self.first_mean is None or self.further_mean is None:
            return None
        return self.first_mean / questions + (1 - 1 / questions) * self.further_mean


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def costs_of(rows: pl.DataFrame, unit: str) -> Costs:
    """The costs of a reader's answered questions in `tokens` or `seconds`."""
    if "evidence" in rows.columns:
        rows = rows.with_columns(PIECES_READ)
    answered = rows.filter(pl.col("error").is_null())
    cost = COMPUTED if unit == "tokens" else pl.col(unit)
    return Costs(
        answered.select(cost.cast(pl.Float64)).to_series().to_numpy(),
        answered.select(FIRST.fill_null(value=False)).to_series().to_numpy(),
        answered["document_id"].to_list(),
    )


@dataclass(frozen=True)
class BreakEven:
    """From how many questions a document on (`cheaper = "above"`) or up to how many (`"below"`) one arm is cheaper.

    `always` and `never` have no number; `unknown` where an arm has no first or no further questions. `low` and `high`
    hold the middle 95% of resampled documents, infinite where that many resamples never meet.
    """

    cheaper: str
    questions: float | None = None
    low: float | None = None
    high: float | None = None


def break_even(long: Costs, rag: Costs, replicates: int = REPLICATES, seed: int = 0) -> BreakEven:
    """Where long context and retrieval cost the same: q = (load_long - load_rag) / (further_rag - further_long).

    `load` is first less further, what the document costs once.
    """
    values = [value for costs in (long, rag) for value in (costs.first_mean, costs.further_mean)]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return BreakEven("unknown")
    cheaper, questions = crossing(*known)
    if questions is None:
        return BreakEven(cheaper)
    low, high = _interval(long, rag, cheaper, replicates, seed)
    return BreakEven(cheaper, questions, low, high)


def crossing(
    long_first: float, long_further: float, rag_first: float, rag_further: float
) -> tuple[str, float | None]:
    """On which side of how many questions long context is cheaper: `always`, `never`, `above` or `below` q.

    >>> crossing(1307 + 57, 57, 86, 86)
    ('above', 45.06896551724138)
    """
    ahead_at_once, ahead_at_last = long_first <= rag_first, long_further < rag_further
    if ahead_at_once and long_further <= rag_further:
        return "always", None
    if not ahead_at_once and not ahead_at_last:
        return "never", None
    loads = (long_first - long_further) - (rag_first - rag_further)
    return ("above" if ahead_at_last else "below"), loads / (rag_further - long_further)


def _interval(long: Costs, rag: Costs, cheaper: str, replicates: int, seed: int) -> tuple[float, float]:
    """The middle 95% over documents drawn with replacement, the same draw for both arms."""
    names = sorted({*long.documents, *rag.documents})
    draws = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), replicates)
    found = []
    for means in zip(*(_means(costs, names, draws) for costs in (long, rag)), strict=True):
        (long_first, long_further), (rag_first, rag_further) = means
        if any(math.isnan(value) for pair in means for value in pair):
            continue  # a draw without first or further questions tells nothing
        side, questions = crossing(long_first, long_further, rag_first, rag_further)
        meets = questions if side == cheaper else None
        gone = 1.0 if (side == "always") == (cheaper == "above") else math.inf
        found.append(gone if meets is None else meets)
    low, high = np.quantile(found, [0.025, 0.975], method="nearest") if found else (1.0, math.inf)
    return float(low), float(high)


def _means(costs: Costs, names: list[str], draws: NDArray[np.int64]) -> list[tuple[float, float]]:
    """The mean of first and of further questions in every draw; NaN where it has none."""
    place = {name: i for i, name in enumerate(names)}
    columns = np.array([place[name] for name in costs.documents])
    pairs = []
    for chosen in (costs.first, ~costs.first):
        sums, counts = np.zeros(len(names)), np.zeros(len(names))
        np.add.at(sums, columns[chosen], costs.values[chosen])
        np.add.at(counts, columns[chosen], 1)
        total, number = draws @ sums, draws @ counts
        pairs.append(np.divide(total, number, out=np.full(len(draws), np.nan), where=number > 0))
    return list(zip(*(pair.tolist() for pair in pairs), strict=True))
