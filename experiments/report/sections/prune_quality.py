"""The study of pruners as a section of a report: what is kept of the evidence at what compression."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlc.data.spec import flatten
from rlc.experiments.report.cells import name, percent, percent_text, points
from rlc.experiments.report.figures.plots import FAINT, INK, Line, new_panels
from rlc.experiments.report.records import Cell, Plot, Report, Section, Table
from rlc.experiments.statistics.intervals import Difference, Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "prune_quality.json"


LINES = {
    "oracle": Line(INK, "-", 0.9),
    "random": Line(FAINT, ":", 1.4),
    "lead": Line(FAINT, "--", 1),
    "lexical": Line("#d9731a", "--", 1.4),
    "similarity": Line("#8a63b3", "-.", 1.4),
    "provence-mini": Line("#1f77b4", "-", 2),
}
OTHERS = Line("#3a9a4b", ":", 1.4)


def page(data: Mapping[str, Any]) -> Report:
    """The study as a page of its own."""
    asked = ", ".join(f"{place}: {found['questions']:,} questions" for place, found in data["sets"].items())
    return Report("Pruners compared", f"On test splits. {asked}.", loud=False, sections=[section(data)])


def section(data: Mapping[str, Any]) -> Section:
    """What `rlc.experiments.research.prune_quality` measured, as a part of any report."""
    tables = [_kept(place, found) for place, found in data["sets"].items()]
    tables += [_reranking(data["reranking"])] if "reranking" in data else []
    tables += [_latency(data["latency"])] if "latency" in data else []
    return Section(
        "pruners",
        "Pruners: evidence kept at equal compression",
        texts=(
            "Compression is the share of tokens removed before any passage is dropped by rank, retention the share of "
            "answer-bearing sentences kept. Every method stands at the compression of provence-mini at its threshold from "
            "the tuning split, so that rows differ in retention alone.",
        ),
        plots=(
            Plot(
                "prune_quality",
                "Answer-bearing sentences kept against tokens removed, a panel a set of passages; a cross marks the goal.",
                lambda: draw(data["sets"]),
            ),
        ),
        tables=tables,
    )


def _kept(place: str, found: Mapping[str, Any]) -> Table:
    return Table(
        place,
        (
            "method",
            "tokens removed",
            "answer-bearing kept",
            "provence-mini minus it",
            "at 95% kept",
            "at 90% kept",
        ),
        [
            (
                name(row["method"]),
                percent(Estimate(**row["removed"])),
                percent(Estimate(**row["kept"])),
                Cell("") if row["difference"] is None else points(Difference(**row["difference"])),
                Cell(percent_text(row["removed_at_95"])),
                Cell(percent_text(row["removed_at_90"])),
            )
            for row in found["rows"]
        ],
        note=f"{found['questions']:,} questions with {found['bearing']:,} answer-bearing sentences; threshold "
        f"{found['threshold']:.3f} from tune. The last columns: tokens removed, had the threshold been chosen on these "
        "questions. Bold after Holm's correction over this table.",
    )


def _reranking(found: Mapping[str, Any]) -> Table:
    columns = list(next(iter(found.values())))
    rows = [
        (name(place), *(percent(Estimate(**values[column])) for column in columns))
        for place, values in found.items()
    ]
    return Table("As a reranker, nDCG@10", ("passages", *columns), rows)


def _latency(found: Mapping[str, Any]) -> Table:
    rows = [(name(key), Cell(str(value))) for key, value in flatten(found).items()]
    return Table("Seconds for five passages of 600 tokens", ("what", "value"), rows, prose=True, folded=True)


def draw(sets: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """Plot how much evidence is kept against how much text is removed."""
    figure, grid = new_panels(len(sets), len(sets), (3.1, 3.5), margin=(0.4, 0), share="y")
    for axes, (place, found) in zip(grid, sets.items(), strict=True):
        for method, curve in found["curves"].items():
            line = LINES.get(method, OTHERS)
            xs, ys = ([100 * value for value in values] for values in zip(*curve, strict=True))
            axes.plot(xs, ys, **line.style, label=method)
        axes.plot(*[[100 * value] for value in found["goal"]], "+", color=INK, markersize=11, label="goal")
        axes.set_title(f"{place}, n = {found['questions']}", loc="left")
        axes.grid(color=FAINT, lw=0.3, alpha=0.4)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 103)
    figure.supxlabel("tokens removed, %", fontsize=9, color=INK)
    figure.supylabel("answer-bearing sentences kept, %", fontsize=9, color=INK)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(4, len(labels)))
    return figure
