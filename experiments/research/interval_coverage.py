"""How often does each interval that is printed hold the true value?

    python -m rlc.experiments.research.interval_coverage [--runs 2000] > coverage.md

Outcomes are drawn from a known world in three layouts: L-Eval's (eight tasks, each with documents of its own), LaRA's
(four tasks on the same documents, three text types of unequal size) and one question a document. Documents are drawn
anew in every run, so the truth is the statistic over the world, here over `WORLD` times the layout's documents.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rlc.experiments.metrics.amortised import Costs, break_even
from rlc.experiments.statistics.ceiling import better_arm, oracle_outcomes
from rlc.experiments.statistics.corrected import corrected_mean, kappa_estimate
from rlc.experiments.statistics.intervals import Estimate, difference, estimate, ratio
from rlc.experiments.statistics.resample import Floats, tabulate
from rlc.experiments.statistics.selection import chosen_elsewhere

WORLD = 300
SETTINGS = 12  # of a sweep
SPREAD = 0.8  # of the documents' difficulty, in logits
HUMAN = 40  # answers that a human saw
SENSITIVE, LENIENT = (
    2.2,
    -2.2,
)  # in logits: a judge that is wrong on a tenth of the right answers, and of the wrong ones
Limits = tuple[float | None, float | None]
"""Low and high; None where the interval is left out."""


@dataclass(frozen=True)
class Cell:
    """So many documents of a group with so many questions of a task on each; `level` is their difficulty in logits."""

    task: str
    group: str
    documents: int
    questions: int
    level: float


LAYOUTS: Mapping[str, Sequence[Cell]] = {
    "L-Eval": [
        Cell(task, task, documents, 3, level)
        for task, documents, level in (
            ("coursera", 15, -2.2),
            ("financial", 8, -2.9),
            ("multidoc", 23, -1.7),
            ("nq", 21, 0.5),
            ("quality", 15, -1.4),
            ("scifi", 7, 1.5),
            ("scientific", 23, -2.0),
            ("tpo", 15, 0.8),
        )
    ],
    "LaRA": [
        Cell(task, group, documents, questions, level)
        for group, documents in (("book", 10), ("financial", 28), ("paper", 38))
        for task, questions, level in (
            ("loc", 5, 1.2),
            ("reason", 4, 0.5),
            ("comp", 3, 0.3),
            ("hallu", 6, 1.0),
        )
    ],
    "one question a document": [
        Cell("a", "a", 40, 1, 1.2),
        Cell("b", "b", 80, 1, 0.0),
        Cell("c", "c", 30, 1, -0.8),
    ],
}


@dataclass(frozen=True)
class Draw:
    """One run: outcomes of two arms and a router, prompt tokens, and whether a document is new, by question.

    `settings` are equally good ones, [SETTINGS, questions]: that one of them comes out best is luck alone. `judged` is
    what a judge with errors makes of the RAG arm's outcomes, `human` those that a human saw, None elsewhere.
    """

    rag: Floats
    long: Floats
    router: Floats
    tokens: Floats
    first: Floats
    settings: Floats
    documents: list[str]
    cells: list[tuple[str, str, str]]
    judged: Floats
    human: list[float | None]


def draw(layout: Sequence[Cell], rng: np.random.Generator, times: int = 1) -> Draw:
    """The layout with `times` as many documents; questions share their document's luck, in both arms and apart."""
    luck: dict[str, Floats] = {}
    sizes: dict[str, float] = {}
    rows: list[tuple[str, str, str, float, bool]] = []
    for cell in layout:
        for i in range(cell.documents * times):
            name = f"{cell.group}/{i}"
            seen = name in luck
            if not seen:
                luck[name] = rng.normal(0, SPREAD, 2)
                sizes[name] = float(rng.lognormal(10.5, 0.6))
            rows += [
                (cell.task, cell.group, name, cell.level, not seen and q == 0) for q in range(cell.questions)
            ]
    documents = [name for _, _, name, _, _ in rows]
    shared, apart = np.array([luck[name] for name in documents]).T
    base = np.array([level for *_, level, _ in rows]) + shared + rng.normal(0, 1, len(rows))
    rag, long = (_happens(base + shift, rng) for shift in (0.0, 0.3 + 0.5 * apart))
    knows = rng.random(len(rows)) < 0.6
    [judge] = rng.spawn(1)
    judged = np.where(
        rag == 1, _happens(np.full(len(rows), SENSITIVE), judge), _happens(np.full(len(rows), LENIENT), judge)
    )
    shown = set(judge.permutation(len(rows))[:HUMAN].tolist())
    router = np.where(knows, np.maximum(rag, long), np.minimum(rag, long))
    return Draw(
        rag,
        long,
        router,
        tokens=np.array([sizes[name] for name in documents]) * rng.lognormal(0, 0.1, len(rows)),
        first=np.array([new for *_, new in rows]),
        settings=np.stack([_happens(base, rng) for _ in range(SETTINGS)]),
        documents=documents,
        cells=[(task, group, name) for task, group, name, _, _ in rows],
        judged=judged,
        human=[float(right) if i in shown else None for i, right in enumerate(rag)],
    )


def _happens(logits: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(rng.random(len(logits)) < 1 / (1 + np.exp(-logits)), dtype=np.float64)


def _limits(found: Estimate) -> Limits:
    return found.low, found.high


def _break_even_costs(one: Draw) -> tuple[Costs, Costs]:
    """Long context computes a document once and then little; retrieval reads some passages for every question."""
    first = one.first.astype(bool)
    long = np.where(first, one.tokens, 200 + 0.01 * one.tokens)
    rag = 1_500 + 0.002 * one.tokens + np.where(first, 500.0, 0.0)
    return Costs(long, first, one.documents), Costs(rag, first, one.documents)


def _crossing(one: Draw) -> float:
    long, rag = _break_even_costs(one)
    loads = _load(long) - _load(rag)
    return float(loads / (rag.values[~rag.first].mean() - long.values[~long.first].mean()))


def _load(costs: Costs) -> float:
    return float(costs.values[costs.first].mean() - costs.values[~costs.first].mean())


def _meeting(one: Draw) -> Limits:
    found = break_even(*_break_even_costs(one))
    return found.low, found.high


def _kappa(one: Draw) -> Limits:
    seen = [i for i, right in enumerate(one.human) if right is not None]
    return _limits(kappa_estimate(one.rag[seen], one.judged[seen], [one.documents[i] for i in seen]))


def _gained(one: Draw) -> Floats:
    return one.router - better_arm(one.rag, one.long)


def _headroom(one: Draw) -> Floats:
    return oracle_outcomes(one.rag, one.long) - better_arm(one.rag, one.long)


@dataclass(frozen=True)
class Statistic:
    """What is printed: its interval in a run, and its value in the world."""

    interval: Callable[[Draw], Limits]
    value: Callable[[Draw], float]


STATISTICS: Mapping[str, Statistic] = {
    "share right, recall, tokens removed": Statistic(
        lambda d: _limits(estimate(d.long, d.documents)), lambda d: float(d.long.mean())
    ),
    "prompt tokens, seconds, dollars": Statistic(
        lambda d: _limits(estimate(d.tokens, d.documents)), lambda d: float(d.tokens.mean())
    ),
    "one bin of a plot": Statistic(
        lambda d: _limits(estimate((d.long - d.rag)[::10], d.documents[::10])),
        lambda d: float((d.long - d.rag).mean()),
    ),
    "paired difference": Statistic(
        lambda d: _limits(difference(d.long, d.rag, d.documents, flips=1)),
        lambda d: float((d.long - d.rag).mean()),
    ),
    "macro average": Statistic(
        lambda d: _limits(estimate(d.long, d.documents, d.cells)),
        lambda d: tabulate(d.long, d.documents, d.cells).statistic(),
    ),
    "difference of macro averages": Statistic(
        lambda d: _limits(difference(d.long, d.rag, d.documents, d.cells, flips=1)),
        lambda d: tabulate(d.long - d.rag, d.documents, d.cells).statistic(),
    ),
    "oracle's headroom, noise floor": Statistic(
        lambda d: _limits(estimate(_headroom(d), d.documents)), lambda d: float(_headroom(d).mean())
    ),
    "router's gain over the better arm": Statistic(
        lambda d: _limits(difference(d.router, better_arm(d.rag, d.long), d.documents, flips=1)),
        lambda d: float(_gained(d).mean()),
    ),
    "router's regret": Statistic(
        lambda d: _limits(estimate(oracle_outcomes(d.rag, d.long) - d.router, d.documents)),
        lambda d: float((oracle_outcomes(d.rag, d.long) - d.router).mean()),
    ),
    "share of the gap closed": Statistic(
        lambda d: _limits(ratio(_gained(d), _headroom(d), d.documents)),
        lambda d: float(_gained(d).sum() / _headroom(d).sum()),
    ),
    "best setting of a sweep, chosen by other documents": Statistic(
        lambda d: _limits(estimate(chosen_elsewhere(d.settings, d.documents), d.documents)),
        lambda d: float(d.settings.mean()),
    ),
    "break-even": Statistic(_meeting, _crossing),
    f"accuracy corrected by {HUMAN} human verdicts": Statistic(
        lambda d: _limits(corrected_mean(d.judged, d.human, d.documents)), lambda d: float(d.rag.mean())
    ),
    f"kappa with {HUMAN} human verdicts": Statistic(
        _kappa, lambda d: kappa_estimate(d.rag, d.judged, d.documents).value or 0.0
    ),
}


def coverage(
    statistic: Statistic, layout: Sequence[Cell], runs: int, seed: int = 0, times: int = WORLD
) -> tuple[float, int]:
    """The share of intervals that hold the value in a world of `times` the documents, and how many were given."""
    rng = np.random.default_rng(seed)
    limits = [statistic.interval(draw(layout, rng)) for _ in range(runs)]
    given = [(low, high) for low, high in limits if low is not None and high is not None]
    if not given:
        return float("nan"), 0
    truth = statistic.value(draw(layout, np.random.default_rng(seed + 1), times))
    return float(np.mean([low <= truth <= high for low, high in given])), len(given)


def lines(runs: int) -> Iterator[str]:
    """The table in Markdown."""
    yield f"| interval | {' | '.join(LAYOUTS)} |"
    yield "|---" * (len(LAYOUTS) + 1) + "|"
    for name, statistic in STATISTICS.items():
        cells = []
        for layout in LAYOUTS.values():
            share, given = coverage(statistic, layout, runs)
            cells.append(
                f"{100 * share:.1f}%" if given == runs else f"{100 * share:.1f}% of {given}" if given else "–"
            )
        yield f"| {name} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    for line in lines(parser.parse_args(arguments).runs):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
