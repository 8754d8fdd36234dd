"""The judge: who fills the table, and how far its verdicts are the rules'."""

from rlc.experiments.report.cells import count, name, number, percent_text
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.statistics.agreement import Kappa
from rlc.experiments.study.judging import beside_rules, judge_sentences, left_open
from rlc.experiments.study.study import Study


def judged(study: Study) -> Section | None:
    """The judge beside the rules, by task; None where the rules or a data set's measures fill the table."""
    if not study.run.judge:
        return None
    agreement = Table(
        "The judge and the rules, on answers that both judged",
        ("task", "answers", "same verdict", "kappa", "left out"),
        [_row(task, found) for task, found in beside_rules(study.run).items()],
        note="Kappa is agreement beyond chance (Cohen 1960): 1 is always, 0 no more than two judges who do not look. A verdict "
        "between 0 and 1 counts as right from a half on. Left out: one of the two had no verdict.",
    )
    problems = Table(
        "Answers that were not judged",
        ("why", "answers"),
        [(Cell(why), count(found)) for why, found in left_open(study.run).items()],
        prose=True,
    )
    return Section(
        "judge",
        "The judge",
        texts=list(judge_sentences(study.run)),
        tables=[table for table in (agreement, problems) if table.rows],
    )


def _row(task: str, found: Kappa) -> tuple[Cell, ...]:
    same = Cell(percent_text(found.agreement))
    return name(task), count(found.n), same, number(found.kappa, 2), count(found.left_out)
