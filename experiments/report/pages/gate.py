"""Checks of a gate and needs of questions, as pages."""

from collections.abc import Sequence

from rlc.experiments.report.cells import NONE, count, name, number, percent_text, points
from rlc.experiments.report.records import Cell, Report, Section, Table
from rlc.experiments.study.gate import Check, Verdict
from rlc.experiments.study.power import Need


def gate_report(run: str, checks: Sequence[Check]) -> Report:
    """The table of what was checked, with the verdict of each interval."""
    rows = [
        (
            name(f"{check.reader}: {check.what}"),
            Cell(f"{'at most' if check.most else 'at least'} {check.limit:,g}".replace("-", "−")),
            number(check.found.value, 1, _between(check)),
            Cell(check.verdict.value, strong=check.verdict is not Verdict.HOLDS),
        )
        for check in checks
    ]
    held = sum(check.verdict is Verdict.HOLDS for check in checks)
    note = (
        "Decided by the end of the 95% interval, clustered by document, not by the mean. What cannot be told needs more "
        "documents, or a wider limit: `rlc power` says how many."
    )
    table = Table("Checks", ("figure", "asked", "found (95%)", "verdict"), rows, note)
    return Report(
        f"Gate of {run}",
        f"{held} of {len(checks)} checks hold.",
        held < len(checks),
        [Section("checks", "What was checked", tables=(table,))],
    )


def _between(check: Check) -> str:
    low, high = check.found.low, check.found.high
    known = "" if low is None or high is None else f"{low:,.1f} to {high:,.1f}, ".replace("-", "−")
    return f"{known}n = {check.found.n:,}"


def power_report(run: str, wanted: Sequence[float], found: Sequence[Need]) -> Report:
    """The table of how many questions show a difference of so many points between two arms."""
    rows = [
        (
            name(f"{need.comparison.first.label} − {need.comparison.second.label}"),
            points(need.comparison.difference),
            Cell(percent_text(need.comparison.difference.detectable)),
            *(_needed(*one) for one in zip(need.documents, need.questions, strict=True)),
        )
        for need in found
    ]
    open_ = f" {NONE}: no two documents of this run differ in it, so nothing can be reckoned."
    known = all(n is not None for need in found for n in need.documents)
    columns = ("difference", "now, points", "seen now", *(f"for {one:g} points" for one in wanted))
    note = (
        "Questions (documents) that show a true difference of this size four times in five, at 5%, before any correction "
        "for several comparisons; from the spread between the documents of this run, each with as many questions as here. "
        f"More documents count, more questions on the same ones hardly do.{'' if known else open_}"
    )
    return Report(
        f"Questions needed, by {run}",
        "How many questions it takes to see a difference here.",
        False,
        [Section("power", "What it takes", tables=(Table("By pair of arms", columns, rows, note),))],
    )


def _needed(documents: int | None, questions: int | None) -> Cell:
    return Cell(NONE) if documents is None else Cell(count(questions).text, f"{documents:,} documents")
