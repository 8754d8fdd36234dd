"""DetectiveQA's first measure (Xu et al., 2024, arXiv:2409.02465): the option. Its second, of the reasoning, asks a language model."""

from rlc.data.records import Example
from rlc.experiments.metrics.answer import multiple_choice
from rlc.experiments.scorers.measured import Measured


def option(prediction: str, example: Example) -> Measured:
    """Whether the answer chooses the gold letter, however it puts it."""
    return Measured(float(multiple_choice(prediction, example.answers)) if example.answers else 0.0)
