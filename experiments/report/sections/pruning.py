"""Pruning curve: how much of what was retrieved was taken out, what evidence was lost by it, and what it did to answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rlc.data.records import passages_of
from rlc.data.tokens import ApproximateTokenizer
from rlc.experiments.report.cells import name, percent, points
from rlc.experiments.report.figures.plots import FAINT, INK, MARKERS, label_points, new_panels, point, reach
from rlc.experiments.report.records import Plot, Section, Table
from rlc.experiments.statistics.intervals import Difference, correct, difference
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Pruning"


@dataclass(frozen=True)
class Pruned:
    """By question: the share of the passages' tokens removed, and whether evidence that they held was kept."""

    reader: ReaderInfo
    removed: Floats
    kept: Floats


def pruning(study: Study) -> Section | None:
    """Tokens removed against evidence kept and against accuracy; None where no reader prunes."""
    readers = [e for e in study.readers if e.role != "router" and _prunes(study, e)]
    if not readers:
        return None
    if study.dataset is None:
        return Section("pruning", TITLE, texts=(f"Not measured: {study.absence}.",))
    found = [_measured(study, reader) for reader in readers]
    whole = [e for e in study.readers if e.role in {one.role for one in readers} and e not in readers]
    plain = [
        Pruned(e, np.zeros(study.examples.height), np.full(study.examples.height, np.nan)) for e in whole
    ]
    return Section(
        "pruning",
        TITLE,
        texts=(
            "Removed is the share of the passages' tokens that a pruner took out, by estimate, before any passage was "
            "dropped for want of room. Evidence kept counts the questions whose passages held the silver evidence: how "
            "often what stayed of them still does. Answers are those of the run's own reader, and the difference is "
            "the pruned reader minus the unpruned one of its kind.",
        ),
        plots=(
            Plot(
                "pruning",
                "Left: share of questions whose evidence was kept, right: share of right answers, both against the "
                "share of tokens removed, with 95% intervals.",
                lambda: _curves(study, [*plain, *found]),
            ),
        ),
        tables=(_table(study, found),),
    )


def _prunes(study: Study, reader: ReaderInfo) -> bool:
    """Whether any span that it was given was kept of a longer passage."""
    return study.says(reader) and any(
        rows.filter(pl.col("error").is_null())["evidence"]
        .explode()
        .struct.field("passage")
        .is_not_null()
        .any()
        for rows in study.run.table.parts(reader.name, "error", "evidence")
    )


def _measured(study: Study, reader: ReaderInfo) -> Pruned:
    tokenizer = ApproximateTokenizer()
    removed = np.full(study.examples.height, np.nan)
    for id_, spans in study.read(reader):
        if spans:
            text = study.asked[id_].document.page_content
            stayed, given = (
                sum(tokenizer.count(text[piece.start : piece.end]) for piece in pieces)
                for pieces in (spans, passages_of(spans))
            )
            removed[study.places[id_]] = 1 - stayed / max(1, given)
    before = study.held((id_, passages_of(spans)) for id_, spans in study.read(reader))
    return Pruned(reader, removed, np.where(before == 1, study.found[reader.name], np.nan))


def _table(study: Study, found: Sequence[Pruned]) -> Table:
    bases = [_base(study, one.reader) for one in found]
    gains = iter(
        correct([_gain(study, one.reader, base) for one, base in zip(found, bases, strict=True) if base])
    )
    rows = []
    for one, base in zip(found, bases, strict=True):
        rows.append(
            (
                name(one.reader.label),
                percent(study.mean(one.removed)),
                percent(study.mean(one.kept)),
                percent(study.overall[one.reader.name]),
                *((points(next(gains)), name(base.label)) if base else (name("–"), name("none ran"))),
            )
        )
    columns = ("reader", "tokens removed", "evidence kept", "accuracy", "minus unpruned", "unpruned reader")
    return Table(
        "Pruned readers",
        columns,
        rows,
        note="Differences in points of percent, bold after Holm's correction over this table.",
    )


def _gain(study: Study, reader: ReaderInfo, base: ReaderInfo) -> Difference:
    one, other = study.outcomes[reader.name], study.outcomes[base.name]
    both = ~np.isnan(one) & ~np.isnan(other)
    return difference(one[both], other[both], study.documents[both].tolist())


def _base(study: Study, reader: ReaderInfo) -> ReaderInfo | None:
    """The reader of the same kind and group that prunes nothing."""
    same = [e for e in study.groups[reader.group] if e.role == reader.role]
    return next((e for e in same if not _prunes(study, e)), None)


def _curves(study: Study, found: Sequence[Pruned]) -> "Figure":
    figure, (left, right) = new_panels(2, 2, (4, 3.8), share="x")
    removed = {one.reader.name: study.mean(one.removed) for one in found}
    kept = {one.reader.name: study.mean(one.kept) for one in found}
    for axes, heights in ((left, kept), (right, study.overall)):
        places = {}
        for one in found:
            x, y = removed[one.reader.name], heights[one.reader.name]
            if x.value is None or y.value is None:
                continue
            places[one.reader.label] = (100 * x.value, 100 * y.value)
            xerr = reach(x, 100) if x.value else None  # nothing removed is no estimate
            point(axes, MARKERS[one.reader.role], *places[one.reader.label], xerr=xerr, yerr=reach(y, 100))
        axes.set_xlim(-4, 104)
        label_points(axes, places, size=7)
    left.set_title("evidence kept, %", loc="left")
    right.set_title("right answers, %", loc="left")
    for axes in (left, right):
        axes.grid(color=FAINT, lw=0.3, alpha=0.4)
    figure.supxlabel("tokens of the passages removed, %", fontsize=9, color=INK)
    return figure
