"""Scoring one answer: the judge's verdict, and plain overlap beside it."""

from collections.abc import Callable
from dataclasses import dataclass

from rlc.data.records import Answer, Example
from rlc.experiments.judge import RuleJudge
from rlc.experiments.metrics.abstention import abstains
from rlc.experiments.metrics.answer import contains, token_f1


@dataclass(frozen=True)
class Score:
    """Metrics of one answer; all None where it failed, verdict and overlap None where there is no gold answer."""

    correct: bool | None = None
    reason: str | None = None
    f1: float | None = None
    contains: bool | None = None
    abstained: bool | None = None


Scorer = Callable[[Example, Answer], Score]


def default_scorer() -> Scorer:
    """The rule-based judge with the fit that the package ships."""
    judge = RuleJudge()

    def score(example: Example, answer: Answer) -> Score:
        if answer.error is not None:
            return Score(reason="failed")
        abstained = abstains(answer.text)
        if not example.answers:
            return Score(reason="no gold answer", abstained=abstained)
        verdict = judge(example.question, example.answers, answer.text, example.task)
        return Score(
            correct=verdict.correct,
            reason=verdict.reason,
            f1=max(token_f1(answer.text, gold) for gold in example.answers),
            contains=any(contains(answer.text, gold) for gold in example.answers),
            abstained=abstained,
        )

    return score
