"""Hyper-multi-step's rules (yuyijiong/hard_retrieval_for_llm@399bd64, metric.py): numbers after `key:`, `keys:` or `value:`.

Where the word is missing, upstream finds nothing; so does this. For several keys upstream tells five verdicts apart, of which one
is 1 in `parts`: correct, over-selected, under-selected, wrong and none.
"""

import re

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_NUMBER = re.compile(r"\d+")


def value(prediction: str, example: Example) -> Measured:
    """Whether the first number after `value:` is the gold value."""
    return _first("value", prediction, example)


def logic_kv(prediction: str, example: Example) -> Measured:
    """Whether the first number after `key:` is the gold key, zeros before it aside."""
    return _first("key", prediction, example)


def multi_kv(prediction: str, example: Example) -> Measured:
    """Whether the numbers after `keys:` are the gold keys, all of them and no others."""
    named = _numbers("keys?", prediction)
    wanted = {answer.lstrip("0") for answer in example.answers}
    if not named:
        return Measured(0.0, {"none": 1.0}, unparsed().note)
    if named == wanted:
        verdict = "correct"
    elif named > wanted:
        verdict = "over-selected"
    else:
        verdict = "under-selected" if named < wanted else "wrong"
    return Measured(float(verdict == "correct"), {verdict: 1.0})


def _first(word: str, prediction: str, example: Example) -> Measured:
    after = re.search(rf"{word}\W*:(.*)", prediction, re.DOTALL | re.IGNORECASE)
    number = _NUMBER.search(after[1]) if after else None
    if number is None:
        return unparsed()
    return Measured(float(number.group().lstrip("0") in {answer.lstrip("0") for answer in example.answers}))


def _numbers(word: str, prediction: str) -> set[str]:
    after = re.search(rf"{word}\W*:(.*)", prediction, re.DOTALL | re.IGNORECASE)
    return {number.lstrip("0") for number in _NUMBER.findall(after[1])} if after else set()
