"""LoCoMo's rule by category (snap-research/locomo@92286325, task_eval/evaluation.py): F1 of stems, with exceptions."""

import re
import string
from functools import cache
from typing import TYPE_CHECKING

from rlc.data.records import Example
from rlc.experiments.scorers.longbench import bag_f1
from rlc.experiments.scorers.measured import Measured, unparsed

if TYPE_CHECKING:
    from nltk.stem.porter import PorterStemmer

ABSENT = ("no information available", "not mentioned")
_ARTICLES = re.compile(r"\b(?:a|an|the|and)\b")


def category(prediction: str, example: Example) -> Measured:
    """F1 of stems; several answers by commas are each looked for; what the talk does not tell must be said so.

    Category 1 takes gold answer and answer apart at commas and averages each gold part's best F1. Category 3 keeps of the gold
    answer what stands before a semicolon. Category 5 wants one of two phrases.
    """
    number = example.metadata.get("category")
    if number == 5:
        return Measured(float(any(phrase in prediction.lower() for phrase in ABSENT)))
    if not example.answers:
        return unparsed()
    gold = example.answers[0]
    if number == 1:
        said = [_stems(part) for part in prediction.split(",")]
        wanted = [_stems(part) for part in gold.split(",")]
        return Measured(sum(max(bag_f1(one, part) for one in said) for part in wanted) / len(wanted))
    return Measured(bag_f1(_stems(prediction), _stems(gold.split(";")[0] if number == 3 else gold)))


def _stems(text: str) -> list[str]:
    bare = "".join(one for one in text.replace(",", "").lower() if one not in string.punctuation)
    return [_stemmer().stem(word) for word in _ARTICLES.sub(" ", bare).split()]


@cache
def _stemmer() -> "PorterStemmer":
    from nltk.stem.porter import PorterStemmer  # rouge-score brings it

    return PorterStemmer()
