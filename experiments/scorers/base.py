"""Scoring one answer: the judge's verdict, and plain overlap beside it."""

from collections.abc import Callable
from dataclasses import dataclass

from rlc.data.records import Answer, Example
from rlc.data.text.abstention import abstains
from rlc.experiments.metrics.answer import containment, token_f1
from rlc.experiments.scorers.rule import RuleJudge


@dataclass(frozen=True)
class Score:
    """Metrics of one answer; all None where it failed, and what needs a gold answer None where there is none."""

    correct: bool | None = None
    reason: str | None = None
    f1: float | None = None
    contains: bool | None = None
    abstained: bool | None = None


Scorer = Callable[[Example, Answer], Score]


def default_scorer() -> Scorer:
    """The rule-based judge with the fit that the package ships; an answer that a router hands on is judged once."""
    judge = RuleJudge()
    known: dict[tuple[object, ...], Score] = {}

    def score(example: Example, answer: Answer) -> Score:
        if answer.error is not None:
            return Score(reason="failed")
        key = (example.id, example.question, example.answers, answer.text)
        if key not in known:
            known[key] = score_text(judge, example, answer)
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
