"""A correctness judge without a language model: rules on what contradicts, and values, then a fitted score of words.

The same answer gets the same verdict everywhere, at once and for nothing. `rlc.experiments.scorers.agreement` measures how
well the verdicts agree with those of a strong language model.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

from rlc.data.plain import parse_json
from rlc.data.records import Answer, Example, Usage
from rlc.data.spec import fingerprint
from rlc.experiments.metrics.contradiction import answers_yes, contradiction
from rlc.experiments.metrics.overlap import share
from rlc.experiments.metrics.reading import (
    Key,
    Overlap,
    ParsedAnswer,
    answer_key,
    meeting,
    overlap,
    read,
    read_once,
)

UNANSWERABLE = "hallu"
"""The task whose questions have no answer in their document: saying so is right."""
ANY_TASK = "any"
"""The entry of a fit that tasks of other names use; it is fitted on all answerable ones together."""

WORD_FEATURES = (*Overlap._fields, "engagement")
ABSTENTION_FEATURES = ("opening", "abstaining_share", "denial")


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one answer.

    `correct` is None where it cannot say: no gold answer, or a judge model's reply that is neither yes nor no.
    `score` is the figure that was held against a threshold, in [0, 1]. `reason` names the rule that decided;
    `FAILED` marks an answer that never came, which is wrong here and can be counted apart. `source` is what a
    judge needs to be identified by: its fit, or its model and prompt; `usage` is what a model's verdict cost.
    """

    correct: bool | None
    score: float
    reason: str
    source: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = Usage()


FAILED = "failed"
UNSCORED = "no gold answer"


@dataclass(frozen=True)
class TaskFit:
    """What the score of one task weighs and demands.

    `weights` go by feature, are at least 0 and sum to 1. A score must reach `threshold`, or `threshold_numbers`
    where the gold answer has values that the question did not give, of which `number_share` must be matched.
    """

    weights: Mapping[str, float]
    threshold: float
    threshold_numbers: float
    number_share: float = 0.5


@dataclass(frozen=True)
class Fit:
    """The fitted weights by task, and what they were fitted on."""

    tasks: Mapping[str, TaskFit]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> "Fit":
        """Read a judge's fit from the text of its file.

        Raises:
            ValueError: if the text is not what `to_json` writes.
        """
        data = parse_json(text)
        try:
            return cls({task: TaskFit(**entry) for task, entry in data["tasks"].items()}, data["provenance"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"expected a judge's fit with tasks and provenance ({error!r})") from error

    def to_json(self) -> str:
        """The fit as text, for a file."""
        return json.dumps(asdict(self), indent=2) + "\n"


@cache
def default_fit() -> Fit:
    """The fit that comes with this package; `provenance` names the models and data behind it."""
    return Fit.from_json(
        resources.files("rlc.experiments.scorers").joinpath("rule_fit.json").read_text("utf-8")
    )


class RuleJudge:
    """Judges answers by rule.

    In this order: an answer that never came is wrong; a question without an answer in its document is judged by
    how far the prediction says so; then each rule of `contradiction`, and missing values, make a prediction wrong; a
    gold answer that is yes or no alone makes one right that says so; what is left is right if its weighted score
    reaches the task's threshold.

    Where a question has several gold answers, the best verdict counts.
    """

    name = "rule"

    def __init__(self, fit: Fit | None = None) -> None:
        self.fit = fit or default_fit()
        self._source = {"judge": self.name, "fit": fingerprint(asdict(self.fit))}

    def judge(self, question: str, answers: Sequence[str], prediction: str | None, task: str) -> Verdict:
        """Judge one prediction; None or blank is one that failed.

        Args:
            question: As it was asked.
            answers: The accepted gold answers; without any, only questions without an answer can be judged.
            prediction: What was answered.
            task: Whose fit to use; `hallu` for questions that their document does not answer.

        Raises:
            TypeError: if `answers` is a bare string.
        """
        if isinstance(answers, str):
            raise TypeError(f"expected a sequence of gold answers, got one string: [{answers!r}] would do")
        return replace(self._judge(question, answers, prediction, task), source=self._source)

    def _judge(self, question: str, answers: Sequence[str], prediction: str | None, task: str) -> Verdict:
        if prediction is None or not prediction.strip():
            return Verdict(False, 0.0, FAILED)
        reading = read(prediction)
        if task == UNANSWERABLE:
            return self._unanswerable(read_once(question), reading)
        if not answers:
            return Verdict(None, 0.0, UNSCORED)
        fit = self.fit.tasks.get(task) or self.fit.tasks[ANY_TASK]
        verdicts = [judge_words(answer_key(question, answer), reading, fit) for answer in answers]
        return max(verdicts, key=lambda verdict: (bool(verdict.correct), verdict.score))

    def __call__(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Verdict]:
        """Judge answers to examples, in order, one verdict each. An answer with an `error` failed."""
        return [
            self.judge(
                example.question,
                example.answers,
                None if answer.error else answer.text,
                UNANSWERABLE if example.answerable is False else example.task,
            )
            for example, answer in zip(examples, answers, strict=True)
        ]

    def _unanswerable(self, question: ParsedAnswer, answer: ParsedAnswer) -> Verdict:
        fit = self.fit.tasks[UNANSWERABLE]
        score = weigh(fit, abstention_features(question, answer))
        return Verdict(score >= fit.threshold, score, "abstention")


def judge_words(key: Key, answer: ParsedAnswer, fit: TaskFit) -> Verdict:
    """Judge a prediction against one gold answer of an answerable question."""
    answer = meeting(key, answer)
    if reason := contradiction(key, answer):
        return Verdict(False, 0.0, reason)
    if key.gold.says_only_so and answers_yes(key.question, answer) is key.gold.truth:
        return Verdict(True, 1.0, "yes or no")
    found = overlap(key, answer)
    if key.values and found.number_recall < fit.number_share:
        return Verdict(False, 0.0, "numbers")
    score = weigh(fit, word_features(found, answer))
    threshold = fit.threshold_numbers if key.values else fit.threshold
    return Verdict(score >= threshold, score, "words and numbers" if key.values else "words")


def word_features(found: Overlap, answer: ParsedAnswer) -> dict[str, float]:
    """`WORD_FEATURES` of a prediction; `engagement` is the share of its sentences that do not abstain."""
    return found._asdict() | {"engagement": 1.0 - answer.abstaining_share}


def abstention_features(question: ParsedAnswer, answer: ParsedAnswer) -> dict[str, float]:
    """`ABSTENTION_FEATURES` of a prediction.

    Whether one of its first two sentences abstains, the share of sentences that do, and whether its first
    sentence denies what was asked: it negates, and repeats at least half of the question's words.
    """
    denied = share(len(question.content & answer.denied), len(question.content)) >= 0.5
    return {
        "opening": float(answer.opens_abstaining),
        "abstaining_share": answer.abstaining_share,
        "denial": float(denied),
    }


def weigh(fit: TaskFit, features: Mapping[str, float]) -> float:
    """The weighted sum of the features, at most 1: rounded weights may sum to a little more."""
    return min(1.0, sum(weight * features[name] for name, weight in fit.weights.items()))
