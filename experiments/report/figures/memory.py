"""The picture of accuracy against memory: a panel a task, a line a method."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rlc.experiments.report.figures.plots import FAINT, INK, clip, new_panels, reach
from rlc.experiments.statistics.intervals import Estimate
from rlc.experiments.study.study import Mask, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEGA = 1_000_000
COLORS = ("#1f77b4", "#d9731a", "#3a9a4b", "#b0457b", "#8a63b3", "#8c564b", "#17a2b8", "#7f7f7f")
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
DASHES = ("-", "--", ":", "-.")
FIRST = ("passages", "whole text")  # what all others are held against: drawn in ink, with intervals


def by_memory(
    study: Study,
    lines: Mapping[str, Sequence[str]],
    sizes: Mapping[str, Estimate],
    panels: Mapping[str, Mask],
) -> "Figure":
    """Accuracy against megabytes, the axis logarithmic; `lines` are the readers of each method, by bytes.

    Intervals of the methods are drawn faintly, and points of one budget a little apart, so that a dozen can be told.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    across = min(2, len(panels))
    figure, grid = new_panels(len(panels), across, (8.0 / across, 3.2), margin=(2.4, 0.0))
    for axes, (title, mask) in zip(grid, panels.items(), strict=True):
        axes.set_title(f"{clip(title)}, n = {int(mask.sum()):,}", loc="left")
        axes.grid(color=FAINT, lw=0.4, alpha=0.4)
        others = 0
        for method, names in lines.items():
            first = method in FIRST
            color = INK if first else COLORS[others % len(COLORS)]
            aside = 1 if first else 1.025 ** (others - len(lines) / 2)  # methods have the same budgets
            places = [
                (aside * (sizes[one].value or 0) / MEGA, study.accuracy(study.reader(one), mask))
                for one in names
            ]
            known = [(x, found) for x, found in places if found.value is not None]
            if not known:
                continue
            spans = [reach(found, 100) or [[0.0], [0.0]] for _, found in known]
            drawn = axes.errorbar(
                [x for x, _ in known],
                [100 * (found.value or 0) for _, found in known],
                yerr=[[span[side][0] for span in spans] for side in (0, 1)],
                color=color,
                marker="*" if method == FIRST[1] else "o" if first else SHAPES[1 + others % 11],
                markersize=9 if method == FIRST[1] else 5,
                markerfacecolor=color if first or others < len(COLORS) else "none",
                linestyle="-" if first else DASHES[others // len(COLORS) % 4],
                lw=2.0 if first else 1.0,
                elinewidth=1.0,
                label=clip(method),
                zorder=3 if first else 2,
            )
            for bar in drawn.lines[2]:
                bar.set_alpha(0.9 if first else 0.25)
            others += not first
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    figure.supxlabel("megabytes of keys and values a question", fontsize=9, color=INK)
    figure.supylabel("right answers, %", fontsize=9, color=INK)
    handles = {
        label: one for axes in grid for one, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside right upper")
    return figure
