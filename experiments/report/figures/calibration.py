"""Calibration: the gain of long context that a router predicted beside the gain that was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.experiments.report.cells import count, name, points, points_text
from rlc.experiments.report.figures.bins import quantile_bins, within
from rlc.experiments.report.figures.plots import FAINT, INK, MARKERS, new_panels, point, reach
from rlc.experiments.report.records import Cell, Plot, Table
from rlc.experiments.statistics.intervals import Estimate, estimate
from rlc.experiments.study.router_scores import Scored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 8


@dataclass(frozen=True)
class Bin:
    """Questions with like predictions: the mean of them, and the mean of what was seen."""

    predicted: float
    seen: Estimate


def calibrated(scored: Scored) -> list[Bin]:
    """Like-sized bins of predicted gain; seen is long context's outcome minus retrieval's, clustered by document."""
    found = []
    for span in quantile_bins(scored.gains, BINS):
        mask = within(scored.gains, span)
        documents = [d for d, chosen in zip(scored.documents, mask, strict=True) if chosen]
        found.append(
            Bin(float(scored.gains[mask].mean()), estimate((scored.long - scored.rag)[mask], documents))
        )
    return found


def calibration_plot(all_scored: Sequence[Scored]) -> Plot:
    """All routers that score their questions."""
    return Plot(
        "router-calibration",
        "Gain of long context over retrieval in points of percent: predicted by the router, and seen, in bins with "
        "about as many questions each, with 95% intervals. On the diagonal a prediction holds.",
        lambda: _draw([(scored.name, calibrated(scored)) for scored in all_scored]),
    )


def calibration_table(all_scored: Sequence[Scored]) -> Table:
    """The bins, with how far predictions are off on average."""
    rows = [
        (name(scored.name), Cell(points_text(one.predicted)), points(one.seen), count(one.seen.n))
        for scored in all_scored
        for one in calibrated(scored)
    ]
    return Table(
        "Predicted and seen gain of long context",
        ("router", "predicted", "seen", "answers"),
        rows,
        note="In points of percent. Over several models a question counts once for each; intervals are clustered by "
        "document.",
        folded=True,
    )


def _draw(found: Sequence[tuple[str, list[Bin]]]) -> "Figure":
    figure, grid = new_panels(len(found), 3, (3.3, 3.3), margin=(0.6, 0))
    for axes, (label, bins) in zip(grid, found, strict=True):
        axes.axhline(0, color=FAINT, lw=0.6)
        axes.axvline(0, color=FAINT, lw=0.6)
        ends = [100 * one.predicted for one in bins]
        axes.plot(
            [min(*ends, 0), max(*ends, 0)],
            [min(*ends, 0), max(*ends, 0)],
            color=INK,
            ls="--",
            lw=0.8,
            zorder=0,
        )
        for one in bins:
            point(
                axes,
                MARKERS["router"],
                100 * one.predicted,
                100 * (one.seen.value or 0.0),
                size=5,
                yerr=reach(one.seen, 100),
            )
        axes.set_title(label, loc="left")
    figure.supxlabel("predicted gain, points", fontsize=9, color=INK)
    figure.supylabel("seen gain, points", fontsize=9, color=INK)
    return figure
