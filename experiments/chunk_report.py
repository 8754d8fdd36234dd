"""The study of chunkers as JSON, as Markdown and as a picture that grey print can show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rlc.data.errors import StoreError
from rlc.experiments.chunk_quality import ORACLE, RANDOM, Point, Row
from rlc.experiments.report.plots import FAINT, INK, style
from rlc.experiments.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3  # panels side by side
PIXELS_PER_INCH = 130


class Look(NamedTuple):
    """How a ranking is drawn: apart in marker and dashes as well as in colour."""

    color: str
    marker: str
    dashes: str
    filled: bool = True


LOOKS = {
    "hybrid": Look("#12355b", "o", "-"),
    "bm25": Look("#d9731a", "^", "--"),
    "dense": Look("#3a9a4b", "s", "-.", filled=False),
    RANDOM: Look(FAINT, "x", ":"),
    ORACLE: Look(INK, "", "-"),
}


def as_data(rows: Sequence[Row], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as plain data; `about` says on what."""
    return {**about, "rows": [asdict(row) for row in rows]}


def as_markdown(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """The table, with a line on what was measured."""
    budgets = [point.budget for point in rows[0].points]
    head = [
        "chunker",
        "ranking",
        *[f"{budget:,}" for budget in budgets],
        "mean of these",
        f"minus {rows[0].chunker}",
    ]
    lines = [
        f"{about['questions']} questions on {about['documents']} documents ({about['dataset']}, {about['variant']}), "
        f"silver evidence. Recall at a budget of tokens ({about['tokenizer']}), 95% intervals clustered by document, "
        "tokens read behind the dot; **bold**: apart from the first chunker after Holm's correction.",
        "",
        f"| {' | '.join(head)} |",
        f"|---|---|{'---:|' * (len(head) - 2)}",
    ]
    for row in rows:
        cells = [f"`{row.chunker}`", row.ranking, *map(_point, row.points), _interval(row.mean), _gain(row)]
        lines.append(f"| {' | '.join(cells)} |")
    share = max(row.points[-1].share for row in rows)
    lines += ["", f"At {budgets[-1]:,} tokens at most {share:.0%} of a document is read, on average."]
    return "\n".join(lines) + "\n"


def _interval(found: Estimate, sign: str = "") -> str:
    if found.value is None or found.low is None or found.high is None:
        return "-" if found.value is None else f"{found.value:{sign}.2f}"
    return f"{found.value:{sign}.2f} [{found.low:{sign}.2f}, {found.high:{sign}.2f}]"


def _point(point: Point) -> str:
    return f"{_interval(point.recall)} · {point.tokens:,.0f}"


def _gain(row: Row) -> str:
    if row.gain is None:
        return ""
    text = _interval(row.gain, "+")
    return f"**{text}**" if row.gain.called else text


def draw(rows: Sequence[Row]) -> "Figure":
    """A panel a chunker: recall against the mean of tokens read, a line a ranking, intervals where it is no yardstick.

    The first chunker's best line stands in every panel, faint, to compare by.
    """
    from matplotlib.figure import Figure

    chunkers = list(dict.fromkeys(row.chunker for row in rows))
    across = min(ACROSS, len(chunkers))
    down = -(-len(chunkers) // across)
    figure = Figure(figsize=(0.6 + 2.6 * across, 0.9 + 2.1 * down), layout="constrained")
    grid = list(figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat)
    own = [row for row in rows if row.chunker == chunkers[0] and row.ranking not in (RANDOM, ORACLE)]
    reference = max(own, key=lambda row: row.mean.value or 0.0)
    for axes, chunker in zip(grid, chunkers, strict=False):
        axes.set_title(chunker, loc="left", fontsize=8)
        axes.grid(color=FAINT, lw=0.3, alpha=0.4)
        axes.plot(*_line(reference), color=FAINT, lw=3.5, alpha=0.45, solid_capstyle="round", zorder=0)
        for row in rows:
            if row.chunker == chunker:
                _curve(axes, row)
    for axes in grid[len(chunkers) :]:
        axes.set_visible(False)
    _scale(grid[0], rows[0])
    for axes in grid[max(0, len(chunkers) - across) : len(chunkers)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel("tokens read (mean, log scale)", fontsize=9, color=INK)
    figure.supylabel("recall, %", fontsize=9, color=INK)
    handles, labels = grid[0].get_legend_handles_labels()
    name = f"{reference.chunker}, {reference.ranking}"
    figure.legend(
        [*handles, grid[0].lines[0]], [*labels, f"to compare: {name}"], loc="outside upper left", ncols=6
    )
    return figure


def _curve(axes: "Axes", row: Row) -> None:
    look = LOOKS.get(row.ranking, LOOKS["dense"])
    lows = [100 * ((p.recall.value or 0) - (p.recall.low or 0)) for p in row.points]
    highs = [100 * ((p.recall.high or 0) - (p.recall.value or 0)) for p in row.points]
    sure = row.ranking in (RANDOM, ORACLE) or any(p.recall.low is None for p in row.points)
    axes.errorbar(
        *_line(row),
        yerr=None if sure else [lows, highs],
        color=look.color,
        marker=look.marker or None,
        markersize=4,
        markerfacecolor=look.color if look.filled else "white",
        linestyle=look.dashes,
        lw=1.1,
        elinewidth=0.7,
        label=row.ranking,
    )


def _line(row: Row) -> tuple[list[float], list[float]]:
    # The oracle reads what it needs and no more: it is drawn at the budget, which is what it may read.
    tokens = [float(p.budget) if row.ranking == ORACLE else max(p.tokens, 1.0) for p in row.points]
    return tokens, [100 * (p.recall.value or 0.0) for p in row.points]


def _scale(axes: "Axes", row: Row) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([point.budget for point in row.points]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlim(row.points[0].budget / 2, row.points[-1].budget * 1.2)
    axes.set_ylim(0, 102)


def write_files(rows: Sequence[Row], about: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write chunkers.json, chunkers.md, chunkers.png and chunkers.svg into a folder.

    Raises:
        StoreError: where it cannot be written.
    """
    from matplotlib import rc_context

    files = [folder / f"chunkers.{suffix}" for suffix in ("json", "md", "png", "svg")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files[0].write_text(json.dumps(as_data(rows, about), indent=1) + "\n", encoding="utf-8")
        files[1].write_text(as_markdown(rows, about), encoding="utf-8")
        with style(), rc_context({"svg.hashsalt": "chunkers", "svg.fonttype": "none"}):
            figure = draw(rows)
            figure.savefig(files[2], dpi=PIXELS_PER_INCH, facecolor="white")
            figure.savefig(files[3], format="svg", facecolor="white", metadata={"Date": None})
    except OSError as error:
        raise StoreError(f"cannot write into {folder}: {error}; give another folder with --out") from error
    return files
