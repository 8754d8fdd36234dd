"""L-Eval's rules for closed questions, written from their behaviour (OpenLMLab/LEval@cd34b05, Evaluation/auto_eval.py).

Quirks are kept: the first capital A to D chooses, so "Answer: C" chooses A; an answer without any chooses A; part of several right
letters is worth a quarter.
"""

import re

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.longbench import bag_f1
from rlc.experiments.scorers.measured import Measured, unparsed

_LETTERS = re.compile(r"[A-D]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_FACT = re.compile(r"(true|false).*?\[fact:\s*(true|false)", re.IGNORECASE | re.DOTALL)


def choice(prediction: str, example: Example) -> Measured:
    """1 for the gold letters, 0.25 for some of several and no wrong one."""
    if not example.answers:
        return unparsed()
    wanted = set(_LETTERS.findall(example.answers[0]))
    found = _LETTERS.findall(prediction) or ["A"]
    named = set(found) if len(wanted) > 1 else {found[0]}
    if named == wanted:
        return Measured(1.0)
    return Measured(0.25 if named < wanted else 0.0)


def math(prediction: str, example: Example) -> Measured:
    """Whether the last number of the first paragraph is the gold one; unparsed where there is none."""
    said = _NUMBER.findall(prediction.split("\n\n")[0].replace(",", ""))
    gold = _NUMBER.findall(example.answers[0].replace(",", "")) if example.answers else []
    if not said or not gold:
        return unparsed()
    return Measured(float(float(said[-1]) == float(gold[-1])))


def topic(prediction: str, example: Example) -> Measured:
    """Whether the gold words stand in the answer, in any case."""
    return Measured(float(any(answer.lower() in prediction.lower() for answer in example.answers)))


def judge(prediction: str, example: Example) -> Measured:
    """Half for what the text says, half for what is true; unparsed without `[fact: ...]`, on which upstream crashes."""
    said = _FACT.search(prediction)
    gold = _FACT.search(example.answers[0]) if example.answers else None
    if said is None or gold is None:
        return unparsed()
    parts = {key: float(said[i].lower() == gold[i].lower()) for i, key in ((1, "text"), (2, "fact"))}
    return Measured(sum(parts.values()) / 2, parts)


def f1(prediction: str, example: Example) -> Measured:
    """F1 of the bags of words, after SQuAD's normalisation."""
    said = normalise(prediction).split()
    return Measured(max((bag_f1(said, normalise(gold).split()) for gold in example.answers), default=0.0))
