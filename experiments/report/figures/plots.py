"""The report's pictures. Roles differ in shape and filling as well as in colour, so that grey print can be read."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rlc.data.text.escape import escape_controls
from rlc.experiments.statistics.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rlc.experiments.study.study import Comparison, Mask, Study

INK = "#2b2b2b"  # text and axes; the page replaces it by its own colour of text
FAINT = "#9a9a9a"
Reach = list[list[float]] | None
NAMED = 8  # with more readers, those on the front are numbered as in the table
LONGEST_NAME = 34


class Marker(NamedTuple):
    """The mark of a role, apart in shape and fill as well as in colour, and the role's name in legends."""

    shape: str
    color: str
    filled: bool
    name: str

    @property
    def style(self) -> dict[str, Any]:
        """The mark in matplotlib's words."""
        face = self.color if self.filled else "none"
        return {"marker": self.shape, "color": self.color, "markerfacecolor": face}


class Line(NamedTuple):
    """How a curve is drawn: apart in dashes, and width or marks, as well as in colour."""

    color: str
    dashes: str = "-"
    width: float = 1.1
    shape: str = ""
    filled: bool = True

    @property
    def style(self) -> dict[str, Any]:
        """The curve in matplotlib's words."""
        face = self.color if self.filled else "none"
        mark = {"marker": self.shape or None, "markerfacecolor": face}
        return {"color": self.color, "linestyle": self.dashes, "lw": self.width, **mark}


MARKERS = {
    "rag": Marker("o", "#1f77b4", True, "retrieval"),
    "long": Marker("s", "#d9731a", False, "long context"),
    "both": Marker("P", "#b0457b", True, "retrieval and long context"),
    "closed": Marker("v", "#7f7f7f", False, "closed book"),
    "router": Marker("^", "#3a9a4b", True, "router"),
    "other": Marker("D", "#8a63b3", False, "other"),
}


def style() -> "AbstractContextManager[None]":
    """Settings for drawing and saving; names of readers are never read as formulas."""
    from matplotlib import rc_context

    return cast(
        "AbstractContextManager[None]",
        rc_context(
            {
                "font.family": "sans-serif",
                "font.sans-serif": ["DejaVu Sans"],
                "font.size": 9,
                "text.parse_math": False,
                "text.color": INK,
                "axes.labelcolor": INK,
                "axes.edgecolor": INK,
                "axes.titlesize": 9,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "xtick.color": INK,
                "ytick.color": INK,
                "legend.frameon": False,
                "svg.fonttype": "path",
            }
        ),
    )


def scatter(study: "Study", front: Sequence[str]) -> "Figure":
    """Accuracy against prompt tokens, with intervals and the Pareto front, whose points are named or numbered."""
    from matplotlib.ticker import LogLocator, NullLocator

    figure, axes = new_figure(7, 4.4)
    places = {}
    for reader in study.readers:
        cost, accuracy = study.tokens[reader.name], study.overall[reader.name]
        if cost.value is None or accuracy.value is None:
            continue
        places[reader.name] = (cost.value, 100 * accuracy.value)
        marker = MARKERS[reader.role]
        point(axes, marker, *places[reader.name], xerr=reach(cost, 1), yerr=reach(accuracy, 100))
    axes.plot(*zip(*[places[name] for name in front], strict=True), color=INK, lw=1, ls="--", zorder=1)
    costs = [cost for cost, _ in places.values()]
    if min(costs) > 0 and max(costs) > 5 * min(costs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.margins(x=0.18)
    axes.set_xlabel("prompt tokens a question")
    axes.set_ylabel("right answers, %")
    if len(places) <= NAMED:
        label_points(axes, {study.reader(name).label: place for name, place in places.items()})
    for number, name in enumerate(front if len(places) > NAMED else (), start=1):
        above = 6 if number % 2 else -13  # neighbours' numbers take turns
        axes.annotate(str(number), places[name], xytext=(7, above), textcoords="offset points", fontsize=8)
    legend(figure, {reader.role for reader in study.readers if reader.name in places})
    return figure


def forest(comparisons: "Sequence[Comparison]") -> "Figure":
    """Paired differences with intervals, one a line; filled where called."""
    figure, axes = new_figure(7, 0.9 + 0.27 * len(comparisons))
    axes.axvline(0, color=FAINT, lw=1, zorder=0)
    for line, one in enumerate(comparisons):
        found = one.difference
        if found.value is None:
            continue
        marker = MARKERS["router" if one.first.role == "router" else "rag"]
        point(axes, marker._replace(filled=found.called), 100 * found.value, line, xerr=reach(found, 100))
    axes.set_yticks(
        range(len(comparisons)),
        [f"{clip(one.first.label)} − {clip(one.second.short)}" for one in comparisons],
    )
    axes.set_ylim(len(comparisons) - 0.4, -0.6)
    axes.set_xlabel("difference in points of percent")
    axes.grid(axis="x", color=FAINT, lw=0.4, alpha=0.5)
    return figure


def panels(study: "Study", masks: "Mapping[str, Mask]") -> "Figure":
    """Accuracy on parts of the questions: a panel per group of readers, a line per part, a mark per reader."""
    groups = study.groups
    width = max(3.0, 6.5 / len(groups))
    figure, grid = new_panels(len(groups), 3, (width, 0.6 + 0.24 * len(masks)), margin=(0, 0.9))
    for axes, (group, readers) in zip(grid, groups.items(), strict=True):
        axes.set_title(clip(group), loc="left")
        axes.grid(axis="x", color=FAINT, lw=0.4, alpha=0.5)
        for place, reader in enumerate(readers):
            marker = MARKERS[reader.role]
            shift = 0.22 * (place - (len(readers) - 1) / 2)
            for line, mask in enumerate(masks.values()):
                found = study.accuracy(reader, mask)
                if found.value is not None:
                    point(axes, marker, 100 * found.value, line + shift, size=4, xerr=reach(found, 100))
    grid[0].set_yticks(range(len(masks)), list(map(clip, masks)))
    grid[0].set_ylim(len(masks) - 0.5, -0.5)
    figure.supxlabel("right answers, %", fontsize=9, color=INK)
    legend(figure, {reader.role for reader in study.readers})
    return figure


def new_figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """Make a picture with one pair of axes; sizes in inches."""
    figure, (axes,) = new_panels(1, 1, (width, height))
    return figure, axes


def new_panels(
    count: int,
    across: int,
    size: tuple[float, float],
    *,
    margin: tuple[float, float] = (0.0, 0.0),
    share: str = "xy",
) -> "tuple[Figure, list[Axes]]":
    """Make a picture of equal panels in rows.

    Args:
        count: how many panels; places of the last row that none fills stay empty.
        across: how many side by side at most.
        size: width and height of a panel, in inches.
        margin: what the picture has beside them.
        share: the axes that all panels have in common, out of `xy`.
    """
    from matplotlib.figure import Figure

    across = min(across, count)
    down = -(-count // across)
    inches = (margin[0] + size[0] * across, margin[1] + size[1] * down)
    figure = Figure(figsize=inches, layout="constrained")
    grid = figure.subplots(down, across, sharex="x" in share, sharey="y" in share, squeeze=False)
    panels: list[Axes] = list(grid.flat)
    for axes in panels[count:]:
        axes.set_visible(False)
    for axes in panels[count - across : count]:
        axes.tick_params(labelbottom=True)  # the lowest of each column, also above an empty place
    return figure, panels[:count]


def reach(found: Estimate, scale: float) -> Reach:
    """How far the interval reaches below and above, for error bars."""
    if found.value is None or found.low is None or found.high is None:
        return None
    return [[scale * (found.value - found.low)], [scale * (found.high - found.value)]]


def point(
    axes: "Axes",
    marker: Marker,
    x: float,
    y: float,
    *,
    size: float = 6,
    xerr: Reach = None,
    yerr: Reach = None,
) -> None:
    """One mark with its intervals."""
    axes.errorbar(
        x,
        y,
        xerr=xerr,
        yerr=yerr,
        markersize=size,
        **marker.style,
        elinewidth=1,
        linestyle="none",
        zorder=2,
    )


def legend(figure: "Figure", roles: set[str]) -> None:
    """Names the roles above the picture."""
    figure.legend(handles=_handles(roles), loc="outside upper left", ncols=len(roles))


def _handles(roles: set[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], **marker.style, linestyle="none", label=marker.name)
        for role, marker in MARKERS.items()
        if role in roles
    ]


def label_points(axes: "Axes", places: "Mapping[str, tuple[float, float]]", size: float = 8) -> None:
    """Write names beside their points, moved off the marks and off each other, with a line to those that moved far.

    The limits of the axes must be set.
    """
    from adjustText import adjust_text

    texts = [axes.text(*place, clip(name), fontsize=size) for name, place in places.items()]
    xs, ys = zip(*places.values(), strict=True)
    line = {"arrowstyle": "-", "color": FAINT, "lw": 0.6}
    # Rounds, not seconds: the same picture each time.
    adjust_text(texts, xs, ys, ax=axes, iter_lim=300, expand=(1.15, 1.6), arrowprops=line)


def clip(name: str) -> str:
    """A name short enough for a label; a picture has no other place where control codes are spelled out."""
    shown = " ".join(escape_controls(name).split())
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"
