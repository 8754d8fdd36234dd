"""Paired differences: arm against arm, router against its better arm, corrected for their number."""

from collections.abc import Mapping

from rlc.experiments.report.cells import NONE, interval, name, p_text, percent_text, points, points_text
from rlc.experiments.report.figures.plots import forest
from rlc.experiments.report.records import Cell, Plot, Section, Table
from rlc.experiments.report.sections.slices import parts
from rlc.experiments.statistics.intervals import LEVEL
from rlc.experiments.study.study import Comparison, Mask, Study, corrected


def differences(study: Study) -> Section:
    """All comparisons of the run, and where the arms differ."""
    if not study.comparisons:
        return Section(
            "differences",
            "Differences",
            texts=("There is one reader alone, or none to pair it with: nothing can be compared.",),
        )
    return Section(
        "differences",
        "Differences",
        texts=(
            "Each line is the first reader minus the second, in points of percent, on the questions where both "
            "answers were judged. A difference is called one (in bold) if its p stays under 5% after Holm's correction "
            f"over the {len(study.comparisons)} comparisons of the table and its {LEVEL:.0%} interval leaves 0 out.",
        ),
        plots=(
            Plot(
                "differences",
                "Paired differences with 95% intervals; filled marks are differences after correction.",
                lambda: forest(study.comparisons),
            ),
        ),
        tables=tuple(
            table
            for table in (_overall(study), by_slice(study, parts(study), "Where the arms differ"))
            if table.rows
        ),
    )


def title(comparison: Comparison) -> str:
    """What is taken from what; both are of one group."""
    return f"{comparison.first.label} − {comparison.second.short}"


def verdict(comparison: Comparison) -> str:
    """Who is ahead, as far as that can be said."""
    found = comparison.difference
    if found.p is None or found.value is None:
        return "cannot be tested"
    if not found.called:
        return "not told apart"
    return f"{(comparison.first if found.value > 0 else comparison.second).short} ahead"


def _overall(study: Study) -> Table:
    return Table(
        "All questions",
        ("difference", "first", "second", "points", "n", "p, Holm", "p, McNemar", "detectable", "verdict"),
        [
            (
                name(title(one)),
                Cell(percent_text(one.first_mean.value)),
                Cell(percent_text(one.second_mean.value)),
                Cell(
                    points_text(one.difference.value),
                    interval(one.difference, signed=True).rstrip(", "),
                    one.difference.called,
                ),
                Cell(f"{one.difference.n:,}", f"{one.difference.clusters:,} documents"),
                Cell(p_text(one.difference.p_holm)),
                Cell(p_text(one.difference.p_mcnemar)),
                Cell(points_text(one.difference.detectable).lstrip("+")),
                Cell(verdict(one), strong=one.difference.called),
            )
            for one in study.comparisons
        ],
        note="p, Holm: a test that swaps the two readers' answers a document at a time, corrected. p, McNemar: exact, "
        "not corrected, and too sure of itself, since it takes questions on one document for independent. Detectable: "
        "the smallest true difference, in points, that data like these find four times in five after correction.",
    )


def by_slice(study: Study, masks: Mapping[str, Mask], title: str) -> Table:
    """The arms' differences on parts of the questions: a table, and so a correction, of its own."""
    pairs = study.pairs()
    cells = iter(
        corrected([study.compare(first, second, mask) for first, second in pairs for mask in masks.values()])
    )
    rows = [
        (name(f"{first.label} − {second.short}"), *(points(next(cells).difference) for _ in masks))
        for first, second in pairs
    ]
    return Table(
        title,
        ("points", *masks),
        rows if masks else (),
        folded=len(rows) > 6,
        note=f"Bold after Holm's correction over the {len(rows) * len(masks)} comparisons of this table; "
        f"{NONE} where no question is left.",
    )
