"""LongIns's rule (Ins-Bench/LongIns-Bench@6f20e2d, eval.py): the numbers in square brackets as a set."""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured

_BRACKETS = re.compile(r"\[(.*?)\]")


def f1(prediction: str, example: Example) -> Measured:
    """F1 of the numbers in brackets and the gold ones; nothing right in an answer without any, even where none is due."""
    said = {
        number.lstrip("0") or "0"
        for inner in _BRACKETS.findall(prediction)
        for number in re.findall("[0-9]+", inner)
    }
    gold = set(example.answers)
    if not said or not gold:
        return Measured(0.0)
    return Measured(2 * len(said & gold) / (len(said) + len(gold)))
