"""First and further questions on a document: what each cost, the formula, and where the arms meet."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from rlc.experiments.metrics.amortised import COSTS, BreakEven, Costs, break_even, costs_of
from rlc.experiments.metrics.cost import PRICED
from rlc.experiments.report.cells import NONE, name, number
from rlc.experiments.report.records import Cell, Table
from rlc.experiments.statistics.intervals import Estimate
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

NOUNS = {"tokens": "computed tokens", "seconds": "seconds", "dollars": "dollars"}
DIGITS = {"tokens": 0, "seconds": 2, "dollars": 5}
UNKNOWN = "not known: an arm has no first or no further questions"
NOTE = (
    "A first question pays for its document: it is indexed, or read with little of it cached. A further one finds that "
    "done. Computed tokens are prompt tokens less those that the engine says it had cached, and the index's; new tokens "
    "are not among them. cost(q) = (first − further) / q + further for q questions a document; where a first question cost "
    "no more than a further one, the mean stands for every q. Intervals are clustered by document."
)


def first_and_further(study: Study) -> list[Table]:
    """A table for every unit that was measured, and one of where the arms meet."""
    units = units_of(study)
    tables = [_table(study, unit) for unit in units]
    pairs = arm_pairs(study)
    if pairs:
        tables.append(_meeting(study, pairs, units))
    return tables


def units_of(study: Study) -> list[str]:
    """Tokens always, seconds where anything was timed, dollars where there is a price sheet."""
    timed = any(study.answered(reader, "seconds")["seconds"].sum() for reader in study.readers)
    return ["tokens", *(["seconds"] if timed else []), *(["dollars"] if study.prices else [])]


def reader_costs(study: Study, reader: ReaderInfo, unit: str) -> Costs | None:
    """A reader's costs; None in seconds where it was not timed, in dollars where it asks several models or none."""
    rows = study.rows(reader, *{*COSTS, *PRICED})
    if unit != "dollars":
        found = costs_of(rows, unit)
        return found if found.values.any() else None
    if len(reader.models) != 1 or reader.models[0] not in study.prices:
        return None
    answered = rows.filter(pl.col("error").is_null())
    dollars = answered.select(study.prices[reader.models[0]].dollars(*map(pl.col, PRICED))).to_series()
    return replace(costs_of(rows, "tokens"), values=dollars.to_numpy())


def arm_pairs(study: Study) -> list[tuple[ReaderInfo, ReaderInfo]]:
    """Long context and retrieval of each group that has both."""
    by_role = [{reader.role: reader for reader in readers} for readers in study.groups.values()]
    return [(found["long"], found["rag"]) for found in by_role if {"long", "rag"} <= found.keys()]


def meeting(study: Study, long: ReaderInfo, rag: ReaderInfo, unit: str) -> str:
    """From how many questions a document on long context is the cheaper arm, in words."""
    costs = [reader_costs(study, reader, unit) for reader in (long, rag)]
    if costs[0] is None or costs[1] is None:
        return NONE
    return in_words(break_even(costs[0], costs[1]))


def in_words(found: BreakEven) -> str:
    """Where the arms meet, as a clause.

    >>> in_words(BreakEven("above", 43.2, 40.1, math.inf))
    'from 44 questions a document on (95% interval 41 to never)'
    """
    if found.questions is None:
        return {
            "always": "from the first question on",
            "never": "never",
            "unknown": UNKNOWN,
        }[found.cheaper]
    limit = math.ceil if found.cheaper == "above" else math.floor
    clause = (
        f"from {_questions(limit(found.questions))} a document on"
        if found.cheaper == "above"
        else f"up to {_questions(limit(found.questions))} a document"
    )
    if found.low is None or found.high is None:
        return clause
    low, high = ("never" if math.isinf(one) else f"{limit(one):,}" for one in (found.low, found.high))
    return f"{clause} (95% interval {low} to {high})"


def _questions(number: int) -> str:
    return f"{number:,} question{'' if number == 1 else 's'}"


def cost_sentences(study: Study) -> list[str]:
    """Tell a terminal the cost formula of each arm, and where they meet; nothing where there are several models."""
    pairs = arm_pairs(study)
    if len(pairs) != 1:
        return []
    units = units_of(study)
    long, rag = pairs[0]
    lines = [line for reader in pairs[0] for line in [_formula_line(study, reader, units)] if line]
    meets = [
        f"in {NOUNS[unit]} {clause}"
        for unit in units
        for clause in [meeting(study, long, rag, unit)]
        if clause not in (NONE, UNKNOWN)
    ]
    asked = costs_of(study.rows(long, *COSTS), "tokens").questions
    if meets:
        lines.append(
            f"{long.label} is cheaper than {rag.label} {', '.join(meets)} (here: {asked:.1f} a document)"
        )
    return lines


def _formula_line(study: Study, reader: ReaderInfo, units: Sequence[str]) -> str:
    told = [
        formula(costs, DIGITS[unit], f" {NOUNS[unit]}")
        for unit in units
        for costs in [reader_costs(study, reader, unit)]
        if costs is not None and costs.first_mean is not None and costs.further_mean is not None
    ]
    return f"{reader.label}: cost(q) of a question, with q on its document: {'; '.join(told)}" if told else ""


def formula(costs: Costs, digits: int, noun: str = "") -> str:
    """cost(q) with its numbers and the `noun` of what they count.

    Where a first question is not told apart, or costs no more, it is what every question cost.
    """
    first, further, mean = costs.first_mean, costs.further_mean, costs.mean
    if mean is None:
        return NONE
    if first is None or further is None or first - further < 0.5 * 10**-digits:
        return f"{mean:,.{digits}f}{noun} for every q"
    return f"{first - further:,.{digits}f} / q + {further:,.{digits}f}{noun}"


def _table(study: Study, unit: str) -> Table:
    digits = DIGITS[unit]
    return Table(
        f"First and further questions, {NOUNS[unit]} a question",
        ("reader", "first", "further", "a document", "mean of the run", "cost(q)"),
        [
            (name(reader.label), *_cells(costs, digits), _formula_cell(reader, costs, digits))
            for reader in study.readers
            for costs in [reader_costs(study, reader, unit)]
            if costs is not None
        ],
        note=NOTE if unit == "tokens" else "",
    )


def _cells(costs: Costs, digits: int) -> list[Cell]:
    everything = np.ones(len(costs.values), dtype=bool)
    return [
        _figure(costs.interval(costs.first), digits),
        _figure(costs.interval(~costs.first), digits),
        number(costs.questions, 1, "questions"),
        _figure(costs.interval(everything), digits),
    ]


def _formula_cell(reader: ReaderInfo, costs: Costs, digits: int) -> Cell:
    """A router may pay for a document twice, once in each arm: the formula is not its."""
    return Cell(NONE if reader.role == "router" else formula(costs, digits))


def _figure(found: Estimate, digits: int) -> Cell:
    span = (
        ""
        if found.low is None or found.high is None
        else f"{found.low:,.{digits}f} to {found.high:,.{digits}f}, "
    )
    return number(found.value, digits, f"{span}n = {found.n:,}" if found.n else "")


def _meeting(study: Study, pairs: Sequence[tuple[ReaderInfo, ReaderInfo]], units: Sequence[str]) -> Table:
    return Table(
        "Where long context is the cheaper arm",
        ("arms", *(f"in {NOUNS[unit]}" for unit in units)),
        [
            (
                name(f"{long.label} and {rag.label}"),
                *(Cell(meeting(study, long, rag, unit)) for unit in units),
            )
            for long, rag in pairs
        ],
        note="Beyond the number of questions that the run's documents have, this is the formula, not a measurement.",
        prose=True,
    )
