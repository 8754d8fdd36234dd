"""Length by depth: where in texts of which length each arm still answers, and the length that it keeps up."""

import itertools
import json
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rlc.experiments.report.cells import NONE, name
from rlc.experiments.report.figures.plots import clip, new_panels
from rlc.experiments.report.records import Cell, Plot, Section, Table
from rlc.experiments.scorers.overall import RULER_THRESHOLD, effective_length, in_units, relative_length
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.lengths import REACHED, failed_as_wrong, is_sized, reaches, units
from rlc.experiments.study.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTHS = 11  # rows at most: Kamradt's picture has one for every tenth of the text
TITLE = "Length and depth"


def length_and_depth(study: Study) -> Section | None:
    """The heat map and the table of lengths; None where the data set is not about lengths."""
    if not is_sized(study.run.data):
        return None
    found = list(reaches(study.run.table.select(*REACHED)))
    length, depth = lengths(study), depths(study)
    plots, tables = [], []
    if len(set(depth[~np.isnan(depth)])) > 1:
        plots.append(
            Plot(
                "length-depth",
                "Mean figure by the length of the text and the depth at which the evidence stands; what is white was not "
                "asked.",
                partial(heat_map, study, length, depth),
            )
        )
    if found:
        columns = sorted({size for one in found for size in one.means})
        rows = [
            (
                name(f"{study.reader(one.reader).label}: {one.task}"),
                *[
                    Cell(f"{100 * one.means[size]:.0f}%") if size in one.means else Cell(NONE)
                    for size in columns
                ],
                Cell(
                    "holds" if one.breaks_at is None else units(one.breaks_at),
                    strong=one.breaks_at is not None,
                ),
            )
            for one in found
        ]
        note = f"An arm breaks at the first length at which its mean is below {100 * RULER_THRESHOLD:.1f}% (RULER's threshold)."
        tables.append(Table("Mean by length", ("", *map(units, columns), "breaks at"), rows, note=note))
        tables.append(_effective(study))
    if not plots and not tables:
        return None
    text = (
        "Lengths are the data set's own, in its unit. Depth 0% is the beginning of the text. Failed answers count as wrong here: "
        "an arm that finds nothing to read does not keep up."
    )
    return Section("length-depth", TITLE, (text,), plots, tables)


def _effective(study: Study) -> Table:
    rows = []
    for reader in study.readers:
        own = failed_as_wrong(study.rows(reader, *REACHED))
        both = (effective_length(own), relative_length(own))
        rows.append((name(reader.label), *[Cell(NONE if one is None else units(one)) for one in both]))
    note = (
        "RULER: the longest length up to which every length keeps 85.6%. NoLiMa: up to which every length keeps 85% of the best "
        "mean at 1,000 and below; it needs such lengths. Tasks weigh alike; 0 is below the shortest length."
    )
    return Table("Effective length", ("reader", "RULER's rule", "NoLiMa's rule"), rows, note=note)


def lengths(study: Study) -> Floats:
    """By question, the data set's length; NaN where it is not a number."""
    return np.array([in_units(one) or np.nan for one in study.examples["length"]], dtype=np.float64)


def depths(study: Study) -> Floats:
    """By question, where the evidence stands, 0 to 1: as the data set says, else where its gold span begins."""
    values = []
    for id_, metadata in study.asked_in("example_id", "metadata").iter_rows():
        depth = json.loads(metadata or "{}").get("depth")
        spans = study.marked.get(id_, ())
        if depth is not None:
            values.append(float(depth) / 100)
        elif len(spans) == 1:
            values.append(spans[0].start / max(1, len(study.asked[id_].document.page_content)))
        else:
            values.append(np.nan)
    return np.array(values, dtype=np.float64)


def heat_map(study: Study, length: Floats, depth: Floats) -> "Figure":
    """A panel for each kind of reader: depth downwards, length to the right, the mean as colour and number."""
    columns = sorted(set(length[~np.isnan(length) & ~np.isnan(depth)]))
    rows = depth_bins(depth)
    kinds = list(study.kinds.items())
    width = max(3.0, 0.55 * len(columns) + 1.3)
    size = (width, 1.4 + 0.28 * len(rows))
    figure, panels = new_panels(len(kinds), len(kinds), size, margin=(0.8, 0), share="y")
    image = None
    for axes, (short, readers) in zip(panels, kinds, strict=True):
        values = study.together(readers, study.wrong_if_failed)
        grid = np.full((len(rows), len(columns)), np.nan)
        for i, (low, high) in enumerate(rows):
            for j, size in enumerate(columns):
                cell = values[(length == size) & (depth >= low) & (depth <= high)]
                if (~np.isnan(cell)).any():
                    grid[i, j] = np.nanmean(cell)
        image = axes.imshow(100 * grid, cmap="RdYlGn", vmin=0, vmax=100, aspect="auto")
        for i, j in np.argwhere(~np.isnan(grid)):
            ink = "white" if abs(grid[i, j] - 0.5) > 0.4 else "#1a1a1a"  # on the dark ends of the scale
            axes.text(j, i, f"{100 * grid[i, j]:.0f}", ha="center", va="center", fontsize=7, color=ink)
        axes.set_title(clip(short), loc="left")
        axes.set_xticks(range(len(columns)), [units(size) for size in columns], rotation=45, ha="right")
        axes.set_yticks(range(len(rows)), [_bin(span) for span in rows])
        axes.set_xlabel("length of the text")
    panels[0].set_ylabel("depth of the evidence")
    if image is not None:
        figure.colorbar(image, ax=panels, label="mean, %", shrink=0.9)
    return figure


def depth_bins(depth: Floats) -> list[tuple[float, float]]:
    """The depths themselves where they are few, else equal parts of the text; both ends included."""
    known = sorted(set(np.round(depth[~np.isnan(depth)], 4)))
    if len(known) <= DEPTHS:
        return [(one - 1e-4, one + 1e-4) for one in known]
    borders = np.linspace(0, 1, DEPTHS + 1)
    return [
        (float(low), float(np.nextafter(high, 0)) if high < 1 else 1.0)
        for low, high in itertools.pairwise(borders)
    ]


def _bin(span: tuple[float, float]) -> str:
    low, high = span
    return f"{100 * (low + high) / 2:.0f}%" if high - low < 1e-3 else f"{100 * low:.0f}–{100 * high:.0f}%"
