"""Accuracy along a quantity of the questions, such as a place in the document: bins and a picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rlc.experiments.report.figures.plots import FAINT, MARKERS, clip, new_figure, reach
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.study import Mask, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLEAR = 4  # with more strategies, intervals would hide the lines
DASHES = ("-", "--", "-.", ":")


def quantile_bins(values: Floats, count: int) -> list[tuple[float, float]]:
    """At most so many bins with about as many finite values each: the least and the greatest value of each.

    Equal values are never parted.
    """
    finite = np.sort(values[np.isfinite(values)])
    if not len(finite):
        return []
    borders = np.quantile(finite, np.linspace(0, 1, count + 1)[1:-1])
    numbers = np.searchsorted(borders, finite, side="right")
    parts = [finite[numbers == number] for number in np.unique(numbers)]
    return [(float(part[0]), float(part[-1])) for part in parts]


def within(values: Floats, span: tuple[float, float]) -> Mask:
    """The values of a bin, both ends included."""
    return np.asarray((values >= span[0]) & (values <= span[1]))


def profile(study: Study, masks: Mapping[str, Mask], xlabel: str) -> "Figure":
    """Accuracy by bin, a line a strategy, with intervals where they can be told apart; over several models it is the mean of theirs."""
    figure, axes = new_figure(7, 3.6)
    drawn = list(study.kinds.items())
    used: dict[str, int] = {}
    for number, (short, readers) in enumerate(drawn):
        marker = MARKERS[readers[0].role]
        values = study.together(readers, study.outcomes)
        found = [study.mean(values, mask) for mask in masks.values()]
        shift = 0.06 * (number - (len(drawn) - 1) / 2)
        places = [(i + shift, one) for i, one in enumerate(found) if one.value is not None]
        spans = [reach(one, 100) or [[0.0], [0.0]] for _, one in places]
        line = used[marker.name] = used.get(marker.name, -1) + 1
        axes.errorbar(
            [x for x, _ in places],
            [100 * (one.value or 0) for _, one in places],
            yerr=[[span[side][0] for span in spans] for side in (0, 1)] if len(drawn) <= CLEAR else None,
            markersize=6,
            **marker.style,
            linestyle=DASHES[line % len(DASHES)],
            alpha=1 - 0.6 * (line >= len(DASHES)),
            lw=1.2,
            elinewidth=1,
            label=clip(short),
        )
    labels = [f"{label}\nn = {int(mask.sum()):,}" for label, mask in masks.items()]
    axes.set_xticks(range(len(masks)), labels)
    axes.set_xlim(-0.5, len(masks) - 0.5)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("right answers, %")
    axes.grid(axis="y", color=FAINT, lw=0.4, alpha=0.5)
    figure.legend(loc="outside upper left", ncols=min(4, len(drawn)))
    return figure
