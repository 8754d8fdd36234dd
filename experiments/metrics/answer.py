"""Answers against gold answers: exact match, token F1, containment, ROUGE-L, multiple choice.

Every metric takes a prediction and its accepted gold answers and returns the best value over them, in [0, 1].
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_LETTER = r"\(?\**([A-Z])\b\**\)?"
_CHOICE = (
    re.compile(rf"^\W*{_LETTER}\W*$"),  # "C", "(C).", "**C**"
    re.compile(
        rf"(?i:answer|choice|option)\s*(?i:is|:)?\s*:?\s*{_LETTER}(?!\w|\s+[a-z])"
    ),  # "the answer is (C)"
    re.compile(r"^\W*\(?([A-Z])(?:\)|[.:])(?=\s)"),  # "C. Because ..."
)


def normalise(text: str) -> str:
    """SQuAD's normalisation: lower case; punctuation, articles and extra space out.

    >>> normalise("The  Quick, brown fox.")
    'quick brown fox'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """1.0 where the prediction equals a gold answer after normalisation, else 0.0.

    Raises:
        ValueError: if there is no gold answer, and TypeError if it is a bare string (so does every metric here).

    Source: Rajpurkar et al., SQuAD, EMNLP 2016.
    """
    return _best(golds, lambda gold: float(normalise(prediction) == normalise(gold)))


def token_f1(prediction: str, golds: Sequence[str]) -> float:
    """F1 of the bags of normalised tokens: 2 |p & g| / (|p| + |g|); two empty bags are equal.

    Source: Rajpurkar et al., SQuAD, EMNLP 2016.
    """
    offered = Counter(normalise(prediction).split())

    def f1(gold: str) -> float:
        wanted = Counter(normalise(gold).split())
        total = offered.total() + wanted.total()
        return 2 * (offered & wanted).total() / total if total else 1.0

    return _best(golds, f1)


def containment(prediction: str, golds: Sequence[str]) -> float:
    """1.0 where a normalised gold answer stands in the normalised prediction as whole words, else 0.0."""
    inside = f" {normalise(prediction)} "
    return _best(golds, lambda gold: float(f" {normalise(gold)} " in inside))


def rouge_l(prediction: str, golds: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of words, with Porter stems, by rouge-score.

    Source: Lin, ROUGE, ACL workshop 2004.
    """
    return _best(golds, lambda gold: float(_rouge().score(gold, prediction)["rougeL"].fmeasure))


def multiple_choice(prediction: str, golds: Sequence[str]) -> float:
    """1.0 where the prediction chooses a gold letter, else 0.0; `chosen_letter` says what counts as choosing.

    Raises:
        ValueError: if a gold answer is not one capital letter.
    """
    for gold in golds:
        if not re.fullmatch(r"[A-Z]", gold):
            raise ValueError(f"expected gold answers such as 'C', one capital letter, got {gold!r}")
    return _best(golds, lambda gold: float(chosen_letter(prediction) == gold))


def chosen_letter(prediction: str) -> str:
    """The letter that a prediction chooses, or "" where it chooses none.

    It chooses by being the letter alone, by "the answer is (C)" (the last such phrase, for a model may think
    aloud first), or by beginning with "C." or "(C)".
    """
    for pattern in _CHOICE:
        letters = pattern.findall(prediction)
        if letters:
            return str(letters[-1])
    return ""


def _best(golds: Sequence[str], score: Callable[[str], float]) -> float:
    if isinstance(golds, str):
        raise TypeError(f"expected a sequence of gold answers, got one string: [{golds!r}] would do")
    if not golds:
        raise ValueError("expected at least one gold answer, got none; leave the question unscored instead")
    return max(score(gold) for gold in golds)


@cache
def _rouge() -> "RougeScorer":
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)
