"""NeedleChain's rule (manncodes/NeedleChain@4b91c2f, evaluate.py): the first whole number after `## Answer:`."""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_ANSWER = re.compile(r"## Answer:(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+")


def amount(prediction: str, example: Example) -> Measured:
    """Whether that number is the gold one, whole; unparsed where there is none."""
    after = _ANSWER.search(prediction)
    number = _NUMBER.search(after[1].replace(",", "")) if after else None
    if number is None:
        return unparsed()
    return Measured(float(number.group().lstrip("0") in {_whole(answer) for answer in example.answers}))


def _whole(answer: str) -> str:
    return answer.partition(".")[0].lstrip("0")
