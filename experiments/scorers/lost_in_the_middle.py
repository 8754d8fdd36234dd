"""Lost in the Middle's rules (nelson-liu/lost-in-the-middle@29b8a6d, metrics.py and scripts/evaluate_kv_responses.py)."""

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.measured import Measured


def subspan_em(prediction: str, example: Example) -> Measured:
    """Whether a gold answer stands in the first line, both as SQuAD normalises them; a part of a word is enough."""
    said = normalise(prediction.split("\n")[0])
    return Measured(float(any(normalise(answer) in said for answer in example.answers)))


def key_value(prediction: str, example: Example) -> Measured:
    """Whether the gold value stands in the answer, in any case."""
    return Measured(float(any(answer.lower() in prediction.lower() for answer in example.answers)))
