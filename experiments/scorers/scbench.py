"""SCBench's rules where they are not InfiniteBench's (microsoft/MInference@9987de6, scbench/compute_scores.py)."""

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured


def holds(prediction: str, example: Example) -> Measured:
    """Whether the gold value stands in the answer, in its own case, also inside a word."""
    return Measured(float(bool(example.answers) and example.answers[0] in prediction))


def holds_any(prediction: str, example: Example) -> Measured:
    """Whether any gold answer stands in the answer, in any case."""
    said = prediction.strip().upper()
    return Measured(float(any(answer.upper() in said for answer in example.answers)))
