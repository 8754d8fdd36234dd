"""The study of chunkers as a section of a report, with a picture that grey print can show."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlc.experiments.report.cells import interval, name, percent, percent_text, points
from rlc.experiments.report.figures.plots import FAINT, INK, Line, new_panels
from rlc.experiments.report.records import Cell, Plot, Report, Section, Table
from rlc.experiments.report.render import write_files
from rlc.experiments.runs.run import write_json
from rlc.experiments.statistics.intervals import Difference, Estimate
from rlc.experiments.study.chunking import ORACLE, RANDOM, CurveSummary, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3  # panels side by side
FILE = "chunkers.json"


LINES = {
    "hybrid": Line("#12355b", "-", shape="o"),
    "bm25": Line("#d9731a", "--", shape="^"),
    "dense": Line("#3a9a4b", "-.", shape="s", filled=False),
    RANDOM: Line(FAINT, ":", shape="x"),
    ORACLE: Line(INK),
}


def as_data(rows: Sequence[CurveSummary], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as plain data; `about` says on what."""
    return {**about, "rows": [asdict(row) for row in rows]}


def rows_of(data: Mapping[str, Any]) -> list[CurveSummary]:
    """The rows back from that data."""
    return [
        CurveSummary(
            chunker=row["chunker"],
            ranking=row["ranking"],
            points=[Point(**{**point, "recall": Estimate(**point["recall"])}) for point in row["points"]],
            mean=Estimate(**row["mean"]),
            gain=None if row["gain"] is None else Difference(**row["gain"]),
        )
        for row in data["rows"]
    ]


def page(data: Mapping[str, Any]) -> Report:
    """The study as a page of its own."""
    return Report(
        title=f"Chunkers compared: {data['dataset']} ({data['variant']})",
        banner=f"{data['questions']:,} questions about {data['documents']:,} documents; evidence found by rule (silver)."
        + (" Bundled sample, not the benchmark." if data["variant"] == "sample" else ""),
        loud=data["variant"] == "sample",
        sections=[section(data)],
    )


def section(data: Mapping[str, Any]) -> Section:
    """What was measured, as a part of any report."""
    rows = rows_of(data)
    budgets = [point.budget for point in rows[0].points]
    share = max(row.points[-1].share for row in rows)
    return Section(
        "chunkers",
        "Chunkers at an equal number of tokens read",
        texts=(
            f"Recall at a budget of tokens ({data['tokenizer']}) on {data['questions']:,} questions about "
            f"{data['documents']:,} documents of {data['dataset']} ({data['variant']}), silver evidence: the best chunks "
            "are read while they fit, and a question counts if they hold its answer. At "
            f"{budgets[-1]:,} tokens at most {share:.0%} of a document is read, on average.",
        ),
        plots=(
            Plot(
                "chunkers",
                "Recall against tokens read, a panel a chunker, a line a ranking, with 95% intervals; the first "
                "chunker's best line stands in every panel, faint.",
                lambda: draw(rows),
            ),
        ),
        tables=(
            Table(
                "Recall by budget",
                (
                    "chunker",
                    "ranking",
                    *[f"{budget:,} tokens" for budget in budgets],
                    "mean of these",
                    f"minus {rows[0].chunker}",
                ),
                [
                    (
                        name(row.chunker),
                        Cell(row.ranking),
                        *map(_point, row.points),
                        percent(row.mean),
                        Cell("") if row.gain is None else points(row.gain),
                    )
                    for row in rows
                ],
                note="95% intervals clustered by document, with the tokens that were read. Differences in points of "
                "percent under the same ranking, bold after Holm's correction over this table.",
            ),
        ),
    )


def _point(point: Point) -> Cell:
    return Cell(percent_text(point.recall.value), f"{interval(point.recall)}{point.tokens:,.0f} tokens")


def draw(rows: Sequence[CurveSummary]) -> "Figure":
    """A panel a chunker: recall against the mean of tokens read, a line a ranking, intervals where it is no yardstick.

    The first chunker's best line stands in every panel, faint, to compare by.
    """
    chunkers = list(dict.fromkeys(row.chunker for row in rows))
    figure, grid = new_panels(len(chunkers), ACROSS, (2.6, 2.1), margin=(0.6, 0.9))
    own = [row for row in rows if row.chunker == chunkers[0] and row.ranking not in (RANDOM, ORACLE)]
    reference = max(own, key=lambda row: row.mean.value or 0.0)
    for axes, chunker in zip(grid, chunkers, strict=True):
        axes.set_title(chunker, loc="left", fontsize=8)
        axes.grid(color=FAINT, lw=0.3, alpha=0.4)
        axes.plot(*_line(reference), color=FAINT, lw=3.5, alpha=0.45, solid_capstyle="round", zorder=0)
        for row in rows:
            if row.chunker == chunker:
                _curve(axes, row)
    _scale(grid[0], rows[0])
    figure.supxlabel("tokens read (mean, log scale)", fontsize=9, color=INK)
    figure.supylabel("recall, %", fontsize=9, color=INK)
    handles, labels = grid[0].get_legend_handles_labels()
    name = f"{reference.chunker}, {reference.ranking}"
    figure.legend(
        [*handles, grid[0].lines[0]], [*labels, f"to compare: {name}"], loc="outside upper left", ncols=6
    )
    return figure


def _curve(axes: "Axes", row: CurveSummary) -> None:
    lows = [100 * ((p.recall.value or 0) - (p.recall.low or 0)) for p in row.points]
    highs = [100 * ((p.recall.high or 0) - (p.recall.value or 0)) for p in row.points]
    sure = row.ranking in (RANDOM, ORACLE) or any(p.recall.low is None for p in row.points)
    axes.errorbar(
        *_line(row),
        yerr=None if sure else [lows, highs],
        **LINES.get(row.ranking, LINES["dense"]).style,
        markersize=4,
        elinewidth=0.7,
        label=row.ranking,
    )


def _line(row: CurveSummary) -> tuple[list[float], list[float]]:
    # The oracle reads what it needs and no more: it is drawn at the budget, which is what it may read.
    tokens = [float(p.budget) if row.ranking == ORACLE else max(p.tokens, 1.0) for p in row.points]
    return tokens, [100 * (p.recall.value or 0.0) for p in row.points]


def _scale(axes: "Axes", row: CurveSummary) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([point.budget for point in row.points]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlim(row.points[0].budget / 2, row.points[-1].budget * 1.2)
    axes.set_ylim(0, 102)


def write_page(data: Mapping[str, Any], folder: Path) -> Path:
    """Write chunkers.json, and the page with its plot, into a folder.

    Returns:
        The page.

    Raises:
        StoreError: where it cannot be written.
    """
    written = write_files(page(data), folder)
    write_json(folder / FILE, data)
    return written
