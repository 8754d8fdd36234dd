"""The judge: who fills the table, how far its verdicts are the rules', and how far both are human ones."""

from rlc.data.errors import DataError
from rlc.experiments.report.cells import count, name, number, percent
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.statistics.agreement import Agreement
from rlc.experiments.statistics.intervals import Estimate
from rlc.experiments.study.calibration import Calibration, calibration, trust_sentences
from rlc.experiments.study.judging import beside_rules, judge_sentences, left_open
from rlc.experiments.study.study import Study


def judged(study: Study) -> Section | None:
    """The judge beside the rules, by task, and both beside human verdicts; None where there are neither."""
    try:
        found, unread = calibration(study), []
    except DataError as error:  # a report does without
        found, unread = None, [f"The human verdicts are left out: {error}."]
    if not study.run.judge and found is None and not unread:
        return None
    agreement = Table(
        "The judge and the rules, on answers that both judged",
        ("task", "same verdict", "kappa", "left out"),
        [_row(task, one) for task, one in beside_rules(study.run).items() if study.run.judge],
        note="Kappa is agreement beyond chance (Cohen 1960): 1 is always, 0 no more than two judges who do not look. A verdict "
        "between 0 and 1 counts as right from a half on. Intervals are clustered by document. Left out: one of the two had no "
        "verdict.",
    )
    problems = Table(
        "Answers that were not judged",
        ("why", "answers", "the first of them"),
        [(Cell(one.why), count(one.answers), Cell(one.first)) for one in left_open(study.run)],
        prose=True,
    )
    return Section(
        "judge",
        "The judge",
        texts=[*judge_sentences(study), *unread, *(trust_sentences(found, in_words=False) if found else ())],
        tables=[
            table
            for table in (
                agreement,
                *((held_table(found), corrected_table(found)) if found else ()),
                problems,
            )
            if table.rows
        ],
    )


def held_table(found: Calibration) -> Table:
    """Hold each judge against human verdicts: agreement, kappa and both kinds of error."""
    return Table(
        "Judges and human verdicts, on answers that have both",
        ("judge", "same verdict", "kappa", "right where humans say wrong", "wrong where they say right"),
        [
            (
                name(one.judge),
                percent(one.same),
                _kappa(one.kappa),
                Cell(f"{one.passed:,} of {one.wrong:,}"),
                Cell(f"{one.failed:,} of {one.right:,}"),
            )
            for one in found.held
        ],
        note="Intervals are clustered by document.",
    )


def corrected_table(found: Calibration) -> Table:
    """Accuracies by the judge, and as humans would find them."""
    return Table(
        "Accuracy, corrected for the judge's errors",
        ("reader", "by the judge", "as humans would find it"),
        [
            (name(one.reader.label), percent(one.judged), percent(one.corrected))
            for one in found.corrected
            if one.corrected is not None
        ],
        note="From the judge's verdicts on all answers and human ones on some (prediction-powered inference, arXiv:2311.01453); n "
        "counts the latter there. It holds where those were drawn without regard to what was answered, as by rlc judge sheet.",
    )


def _kappa(value: Estimate) -> Cell:
    known = value.low is not None and value.high is not None
    return number(value.value, 2, f"{value.low:.2f} to {value.high:.2f}".replace("-", "−") if known else "")


def _row(task: str, found: Agreement) -> tuple[Cell, ...]:
    return name(task), percent(found.same), _kappa(found.kappa), count(found.left_out)
