"""Answers to questions over rows that are told as sentences, without a judge.

HoloBench's authors let a model call every gold row an exact, a partial or no match (megagonlabs/holobench@5799335). These rules
are this project's own: rows are known by their names, and numbers by their value.
"""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_NUMBER = re.compile(r"\d[\d,]*")


def rows(prediction: str, example: Example) -> Measured:
    """F1 of the names in the answer and the gold ones; all names of the text stand in the metadata under `names`."""
    said = {
        str(name)
        for name in example.metadata.get("names", ())
        if re.search(rf"\b{re.escape(str(name))}\b", prediction)
    }
    gold = set(example.answers)
    precision = len(said & gold) / len(said) if said else 0.0
    recall = len(said & gold) / len(gold) if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Measured(f1, {"precision": precision, "recall": recall})


def number(prediction: str, example: Example) -> Measured:
    """Whether the last number of the answer is the gold one."""
    said = _NUMBER.findall(prediction)
    if not said or not example.answers:
        return unparsed()
    return Measured(float(said[-1].replace(",", "").lstrip("0") == example.answers[0].lstrip("0")))
