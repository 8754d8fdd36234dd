"""Ada-LEval's rules (open-compass/Ada-LEval@092c793): a designation, or an order."""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed


def best_answer(prediction: str, example: Example) -> Measured:
    """Whether the first designation such as `A4` in the answer is the gold one."""
    said = re.search(r"\bA\d+\b", prediction)
    return Measured(float(said[0] in example.answers)) if said else unparsed()


def order(prediction: str, example: Example) -> Measured:
    """Whether the numbers of the last line that has some stand in the gold order; the share of right places beside it."""
    gold = re.findall(r"\d+", example.answers[0]) if example.answers else []
    said = next(
        (numbers for line in reversed(prediction.splitlines()) if (numbers := re.findall(r"\d+", line))), []
    )
    if not said or not gold:
        return unparsed()
    right = sum(a == b for a, b in zip(said, gold, strict=False)) / len(gold)
    return Measured(float(said == gold), {"places": right})
