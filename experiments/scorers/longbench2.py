"""LongBench v2's rule (THUDM/LongBench@2e00731, pred.py): two phrases choose a letter, and nothing else does."""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_CHOICES = (re.compile(r"The correct answer is \(([A-D])\)"), re.compile(r"The correct answer is ([A-D])"))


def choice(prediction: str, example: Example) -> Measured:
    """Whether the first letter so chosen is the gold one, asterisks left out; unparsed where none is."""
    text = prediction.replace("*", "")
    for pattern in _CHOICES:
        if found := pattern.search(text):
            return Measured(float(found[1] in example.answers))
    return unparsed()
