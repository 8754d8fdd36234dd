"""Scoring one answer: its data set's measure, the rule judge's verdict, and plain overlap beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from rlc.data.records import Answer, Example
from rlc.data.text.abstention import abstains
from rlc.experiments.metrics.answer import containment, token_f1
from rlc.experiments.scorers.measured import RULE, scorer_of
from rlc.experiments.scorers.rule import RuleJudge


@dataclass(frozen=True)
class Score:
    """Metrics of one answer; all None where it failed, and what needs a gold answer None where there is none.

    `value` is what tables average: the figure of `measure`, a scorer's name, or of the rule judge, 1 where it finds
    the answer right. `parts` and `note` are what that scorer says beside it. `correct` is the rule judge's verdict.
    """

    correct: bool | None = None
    reason: str | None = None
    f1: float | None = None
    contains: bool | None = None
    abstained: bool | None = None
    measure: str = RULE
    value: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if self.measure == RULE and self.value is None and self.correct is not None:
            object.__setattr__(self, "value", float(self.correct))  # the class is frozen


REMEMBERED = 10_000  # scores
Scorer = Callable[[Example, Answer], Score]


def default_scorer(measures: Mapping[str, str] | None = None) -> Scorer:
    """The measures of the tasks that have one, else the rule judge with the fit that the package ships.

    An answer that a router hands on is scored once.

    Raises:
        UsageError: on a measure that is not in the table.
    """
    judge = RuleJudge()
    scorers = {task: (name, scorer_of(name)) for task, name in (measures or {}).items() if name != RULE}
    known: dict[tuple[object, ...], Score] = {}

    def score(example: Example, answer: Answer) -> Score:
        name, scorer = scorers.get(example.task, (RULE, None))
        if answer.error is not None:
            return Score(reason="failed", measure=name)
        key = (example.id, example.question, example.answers, answer.text)
        if key not in known:
            if len(known) >= REMEMBERED:  # a router hands on answers of its own batch
                known.clear()
            known[key] = score_text(judge, example, answer)
            if scorer:
                measured = scorer(answer.text, example)
                known[key] = replace(
                    known[key],
                    measure=name,
                    value=measured.value,
                    parts=measured.parts,
                    note=measured.note,
                )
        return known[key]

    return score


def score_text(judge: RuleJudge, example: Example, answer: Answer) -> Score:
    """Judge an answer that did not fail."""
    [verdict] = judge([example], [answer])
    gold = bool(example.answers)
    return Score(
        correct=verdict.correct,
        reason=verdict.reason,
        f1=token_f1(answer.text, example.answers) if gold else None,
        contains=containment(answer.text, example.answers) > 0 if gold else None,
        abstained=abstains(answer.text),
    )
