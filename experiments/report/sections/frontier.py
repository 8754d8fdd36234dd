"""Accuracy against cost, and which readers nobody beats on both."""

from collections.abc import Mapping, Sequence

from rlc.experiments.report.cells import name, number, percent
from rlc.experiments.report.figures.plots import scatter
from rlc.experiments.report.records import Cell, Plot, Section, Table
from rlc.experiments.study.study import Study


def frontier(study: Study) -> Section:
    """Every reader's accuracy and prompt tokens, and the Pareto front."""
    points = {
        reader.name: (cost.value, accuracy.value)
        for reader in study.readers
        for cost, accuracy in [(study.tokens[reader.name], study.overall[reader.name])]
        if cost.value is not None and accuracy.value is not None
    }
    front = pareto(points)
    rows = [
        (
            name(reader.label),
            percent(study.overall[reader.name]),
            number(cost.value, detail=_interval(cost.low, cost.high)),
            Cell(f"no. {front.index(reader.name) + 1}" if reader.name in front else "", strong=True),
        )
        for reader in study.readers
        for cost in [study.tokens[reader.name]]
    ]
    return Section(
        "cost-accuracy",
        "Accuracy against cost",
        texts=(
            "A reader is on the Pareto front if no other is at least as accurate for at most as many prompt tokens. The "
            "front is drawn through the means: neighbours whose intervals overlap may change places.",
        ),
        plots=(
            Plot(
                "cost-accuracy",
                "Share of right answers against prompt tokens a question, with 95% intervals; the line is the Pareto front.",
                lambda: scatter(study, front),
            ),
        )
        if points
        else (),
        tables=(
            Table(
                "Accuracy and cost", ("reader", "accuracy", "prompt tokens a question", "Pareto front"), rows
            ),
        ),
    )


def pareto(points: Mapping[str, tuple[float, float]]) -> Sequence[str]:
    """The names of the (cost, value) points that none equals or beats in both, cheapest first.

    Of equal points the first stays.

    >>> pareto({"a": (1, 5), "b": (2, 5), "c": (3, 9)})
    ['a', 'c']
    """
    front: list[str] = []
    best = float("-inf")
    for point in sorted(points, key=lambda one: (points[one][0], -points[one][1])):
        if points[point][1] > best:
            best = points[point][1]
            front.append(point)
    return front


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:,.0f} to {high:,.0f}"
