"""ManyICLBench's first measure (Zou et al., ACL 2025, arXiv:2411.07130): the label."""

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.measured import Measured


def label(prediction: str, example: Example) -> Measured:
    """Whether the first line of the answer is the gold label, after SQuAD's normalisation."""
    said = normalise(prediction.strip().partition("\n")[0])
    return Measured(float(any(said == normalise(gold) for gold in example.answers)))
