"""Retrieval against answer quality: what finding the evidence is worth, and what missing it costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rlc.experiments.report.cells import NONE, name, percent, points
from rlc.experiments.report.figures.plots import FAINT, MARKERS, clip, label_points, new_figure, point, reach
from rlc.experiments.report.records import Cell, Plot, Section, Table
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Comparison, Mask, Study, corrected

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Retrieval against answer quality"


def retrieved(study: Study) -> Section | None:
    """Accuracy where the evidence was found and where it was not; None where no reader says what it read."""
    readers = [e for e in study.readers if e.name in study.found and e.role != "router"]
    readers = [e for e in readers if not np.isnan(study.found[e.name]).all()]
    if not readers:
        return None
    plots = [
        Plot(
            "found",
            "Share of right answers where what was read holds the silver evidence (filled) and where it does not "
            "(open), with 95% intervals.",
            lambda: _pairs(study, readers),
        )
    ]
    if len(readers) > 1:
        plots.append(
            Plot(
                "recall-accuracy",
                "Share of right answers against how often what was read holds the silver evidence, with 95% intervals.",
                lambda: _scatter(study, readers),
            )
        )
    return Section(
        "retrieval",
        TITLE,
        texts=(
            "On the questions whose evidence the rule finds (see Silver evidence). A reader that is right without the "
            "evidence knew, guessed, or found it in other words; one that is wrong with it failed at reading. Questions "
            "whose evidence is missed are the harder ones too, so only the last columns compare like with like: long "
            "context minus the reader, on the same questions.",
        ),
        plots=plots,
        tables=(_table(study, readers),),
    )


def split(study: Study, reader: ReaderInfo) -> tuple[Mask, Mask]:
    """The questions whose evidence the reader was given, and those whose evidence it was not."""
    found = study.found[reader.name]
    return found == 1, found == 0


def _table(study: Study, readers: Sequence[ReaderInfo]) -> Table:
    longs = [_whole(study, reader) for reader in readers]
    pairs = [
        study.compare(long, reader, mask)
        for reader, long in zip(readers, longs, strict=True)
        if long
        for mask in split(study, reader)
    ]
    gains = iter(corrected(pairs))
    rows = []
    for reader, long in zip(readers, longs, strict=True):
        hit, missed = split(study, reader)
        against = [_gain(next(gains)) for _ in range(2)] if long else [Cell(NONE), Cell(NONE)]
        rows.append(
            (
                name(reader.label),
                percent(study.mean(study.found[reader.name])),
                percent(study.accuracy(reader, hit)),
                percent(study.accuracy(reader, missed)),
                *against,
            )
        )
    columns = (
        "reader",
        "evidence found",
        "right where found",
        "right where missed",
        "long minus it, found",
        "long minus it, missed",
    )
    note = f"Points of percent; bold after Holm's correction over the {len(pairs)} comparisons of this table."
    return Table("Accuracy by whether the evidence was found", columns, rows, note=note)


def _gain(one: Comparison) -> Cell:
    return points(one.difference)


def _whole(study: Study, reader: ReaderInfo) -> ReaderInfo | None:
    """The reader of the same group that reads everything."""
    group = study.groups[reader.group]
    return next((e for e in group if e.role == "long" and e.name not in study.found), None)


def _pairs(study: Study, readers: Sequence[ReaderInfo]) -> "Figure":
    figure, axes = new_figure(7, 1.1 + 0.32 * len(readers))
    for line, reader in enumerate(readers):
        marker = MARKERS[reader.role]
        found = [study.accuracy(reader, mask) for mask in split(study, reader)]
        ends = [100 * one.value for one in found if one.value is not None]
        axes.plot(ends, [line] * len(ends), color=FAINT, lw=1, zorder=0)
        for one, filled, shift in zip(found, (True, False), (-0.09, 0.09), strict=True):
            if one.value is not None:
                point(
                    axes, marker._replace(filled=filled), 100 * one.value, line + shift, xerr=reach(one, 100)
                )
    axes.set_yticks(range(len(readers)), [clip(reader.label) for reader in readers])
    axes.set_ylim(len(readers) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.set_xlabel("right answers, %   (filled: evidence found; open: missed)")
    axes.grid(axis="x", color=FAINT, lw=0.4, alpha=0.5)
    return figure


def _scatter(study: Study, readers: Sequence[ReaderInfo]) -> "Figure":
    figure, axes = new_figure(7, 4)
    places = {}
    for reader in readers:
        known = ~np.isnan(study.found[reader.name])
        recall, accuracy = study.mean(study.found[reader.name]), study.accuracy(reader, known)
        if recall.value is not None and accuracy.value is not None:
            places[reader.label] = (100 * recall.value, 100 * accuracy.value)
            point(
                axes,
                MARKERS[reader.role],
                *places[reader.label],
                xerr=reach(recall, 100),
                yerr=reach(accuracy, 100),
            )
    axes.margins(x=0.15)
    axes.set_xlabel("evidence found, %")
    axes.set_ylabel("right answers to the same questions, %")
    label_points(axes, places)
    return figure
