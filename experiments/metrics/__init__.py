"""Metrics: what an answer, a ranking or a cost is worth. Plain functions."""

from rlc.data.lazy import lazy_attributes

ANSWER_METRICS = {
    "exact-match": "rlc.experiments.metrics.answer:exact_match",
    "token-f1": "rlc.experiments.metrics.answer:token_f1",
    "containment": "rlc.experiments.metrics.answer:containment",
    "rouge-l": "rlc.experiments.metrics.answer:rouge_l",
    "multiple-choice": "rlc.experiments.metrics.answer:multiple_choice",
    "numeric-match": "rlc.experiments.metrics.numeric:numeric_match",
}
"""Metrics of one answer: (prediction, gold answers) -> a value in [0, 1], or None where it does not apply."""

__getattr__, __dir__ = lazy_attributes(__name__, ANSWER_METRICS)
