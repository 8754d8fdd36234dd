"""Needle Threading's rule (jonathan-roberts1/needle-threading@006f8f5, README): the answer begins with the value."""

import ast
import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_LONGEST = 20_000  # characters of a reply that is read as a list
_LIST = re.compile(r"\[.*\]", re.DOTALL)


def value(prediction: str, example: Example) -> Measured:
    """Whether the answer begins with the gold value, white space and quotes before it aside."""
    said = prediction.strip().strip("\"'`")
    return Measured(float(any(said.startswith(answer) for answer in example.answers)))


def values(prediction: str, example: Example) -> Measured:
    """The share of the gold values that stand in the list which the answer is; unparsed where it is none.

    Upstream evaluates the reply as a literal and crashes where it is none; a list that names a value among others counts.
    """
    found = _LIST.search(prediction[:_LONGEST])
    try:
        named = ast.literal_eval(found.group()) if found else None
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        named = None
    if not isinstance(named, list) or not example.answers:
        return unparsed()
    texts = {str(one).strip() for one in named}
    return Measured(sum(answer in texts for answer in example.answers) / len(example.answers))
