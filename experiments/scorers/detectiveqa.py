"""DetectiveQA's first measure (Xu et al., 2024, arXiv:2409.02465): the option. Its second, of the reasoning, asks a language model."""

import re

from rlc.data.records import Example
from rlc.experiments.metrics.answer import multiple_choice
from rlc.experiments.scorers.measured import Measured


def option(prediction: str, example: Example) -> Measured:
    """Whether the answer chooses the gold letter, however it puts it."""
    letters = [answer for answer in example.answers if re.fullmatch(r"[A-Z]", answer)]
    if not letters:
        return Measured(0.0, note="unparsed")
    return Measured(float(multiple_choice(prediction, letters)))
