r"""InfiniteBench's rules (OpenBMB/InfiniteBench@88b3daa, src/compute_scores.py), one for each kind of task.

Upstream drops the first number of one model's answers in Math.Calc, by the model's name; here no model has a rule of its own.
"""

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.longbench import CHINESE_PUNCTUATION, bag_f1
from rlc.experiments.scorers.measured import Measured, unparsed

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

_INTEGERS = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"\d+\.\d+|\d+")
_PUNCTUATION = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" + CHINESE_PUNCTUATION)


def first_integer(prediction: str, example: Example) -> Measured:
    """Whether the first whole number is the gold one; passkeys and number strings."""
    number = _INTEGERS.search(prediction)
    return (
        Measured(float(number is not None and number.group() == example.answers[0]))
        if example.answers
        else unparsed()
    )


def word(prediction: str, example: Example) -> Measured:
    """Whether the gold value is one of the words, some punctuation taken for space."""
    return Measured(
        float(bool(example.answers) and example.answers[0] in _spaced(prediction, "\n:\"'.,?!{}").split())
    )


def last_integer(prediction: str, example: Example) -> Measured:
    """Whether the last word is the gold number; unparsed where it is no number."""
    words = _spaced(prediction, "\n.`'\":").split()
    try:
        return Measured(float(int(words[-1]) == int(example.answers[0])))
    except (IndexError, ValueError):
        return unparsed()


def first_number(prediction: str, example: Example) -> Measured:
    """Whether the first number is the gold one; unparsed where there is none, or a fraction where a whole one is due."""
    number = _NUMBER.search(prediction)
    if number is None or not example.answers:
        return unparsed()
    try:
        whole = "." not in example.answers[0]
        right = (
            int(number.group()) == int(example.answers[0])
            if whole
            else float(number.group()) == float(example.answers[0])
        )
    except ValueError:
        return unparsed()
    return Measured(float(right))


def running_values(prediction: str, example: Example) -> Measured:
    """The share of the gold values that the numbers of the answer give in order before the first wrong one."""
    try:
        wanted = json.loads(example.answers[0])
        right = 0
        for value, said in zip(wanted, _INTEGERS.findall(prediction), strict=False):
            if int(said) != value:
                break
            right += 1
        return Measured(right / len(wanted))
    except (IndexError, TypeError, ValueError, ZeroDivisionError):
        return unparsed()


def f1(prediction: str, example: Example) -> Measured:
    """F1 of the bags of words, after SQuAD's normalisation; the best over the gold answers."""
    said = normalise(prediction).split()
    return Measured(max((bag_f1(said, normalise(gold).split()) for gold in example.answers), default=0.0))


def f1_zh(prediction: str, example: Example) -> Measured:
    """F1 of the bags of characters, punctuation and space left out."""
    said = _characters(prediction)
    return Measured(max((bag_f1(said, _characters(gold)) for gold in example.answers), default=0.0))


def rouge_lsum(prediction: str, example: Example) -> Measured:
    """F of the longest common subsequences of lines, by rouge-score without stems."""
    scores = [_rouge().score(gold, prediction)["rougeLsum"].fmeasure for gold in example.answers]
    return Measured(float(max(scores, default=0.0)))


def name(prediction: str, example: Example) -> Measured:
    """Whether the first gold name is one of the words, in any case."""
    words = _spaced(prediction, "\n:\"'.,?!{}").upper().split()
    return Measured(float(bool(example.answers) and example.answers[0] in words))


def choice(prediction: str, example: Example) -> Measured:
    """Whether the gold option is chosen, by its letter or its words; upstream's ladder of rules."""
    said = prediction.strip()
    gold = example.answers
    if not said:
        return Measured(0.0)
    if said[0] in "ABCD":
        return Measured(float(said[0] in gold))
    if said in gold:
        return Measured(1.0)
    said = re.sub(" +", " ", _spaced(said, "\n\"'.,?!{}"))
    for prefix in ("answer is:", "answer:", "answer is", "option is"):
        at = said.find(prefix)
        if at >= 0:
            return Measured(float(said[at + len(prefix) + 1 :].startswith(gold)))
    letter = next((one for one in said.split() if one in "ABCD"), "")
    return Measured(float(bool(letter) and letter in gold))


def function(prediction: str, example: Example) -> Measured:
    """Whether the faulty function is chosen, by its name (the first gold answer) or its letter (the second)."""
    if len(example.answers) < 2:
        return unparsed()
    said, (called, letter) = prediction.strip(), example.answers[:2]
    if said[:2] in (f"{letter}.", f"{letter}:"):
        return Measured(1.0)
    for word_ in ("\n", "`", "'", '"', "-", "*", "Option", "option"):
        said = said.replace(word_, " ")
    said = re.sub(" +", " ", said)
    for prefix in ("answer is:", "is:", "answer:"):
        at = said.find(prefix)
        if at >= 0:
            return Measured(float(said[at + len(prefix) + 1 :].startswith((letter, called))))
    return Measured(0.0)


def _spaced(text: str, marks: str) -> str:
    """The text with some characters as spaces."""
    return text.translate(dict.fromkeys(map(ord, marks), " "))


def _characters(text: str) -> list[str]:
    return [one for one in "".join(text.lower().split()) if one not in _PUNCTUATION]


@cache
def _rouge() -> "RougeScorer":
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeLsum"], use_stemmer=False)
