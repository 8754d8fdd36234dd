"""NoLiMa's metrics (adobe-research/NoLiMa@7532e4e, evaluation/async_evaluate.py), all in their own case."""

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured


def contains(prediction: str, example: Example) -> Measured:
    """Whether a gold answer stands in the answer; a part of a word is enough."""
    return Measured(float(any(answer in prediction for answer in example.answers)))


def exact(prediction: str, example: Example) -> Measured:
    """Whether the answer is a gold answer, white space around it aside."""
    return Measured(float(prediction.strip() in example.answers))


def last_line_contains(prediction: str, example: Example) -> Measured:
    """`contains` of the last line."""
    return contains(_last_line(prediction), example)


def last_line_exact(prediction: str, example: Example) -> Measured:
    """`exact` of the last line."""
    return exact(_last_line(prediction), example)


def _last_line(text: str) -> str:
    return text.strip().split("\n")[-1]
