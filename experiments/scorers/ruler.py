"""RULER's two metrics (NVIDIA/RULER@c3f5e3b, scripts/eval/synthetic/constants.py and evaluate.py)."""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured

_CONTROL = re.compile(r"[\x00-\x1f]")


def match_all(prediction: str, example: Example) -> Measured:
    """The share of the gold values that stand in the answer, as substrings and in any case."""
    found = _found(prediction, example)
    return Measured(sum(found) / len(found) if found else 0.0)


def match_part(prediction: str, example: Example) -> Measured:
    """Whether any of the gold answers does; so "no" is found in "know"."""
    return Measured(float(any(_found(prediction, example))))


def _found(prediction: str, example: Example) -> list[bool]:
    text = _CONTROL.sub("\n", prediction).strip().lower()
    return [answer.lower() in text for answer in example.answers]
