"""Answers against gold answers: exact match, token F1, containment, ROUGE-L, multiple choice.

Every metric takes a prediction and its accepted gold answers and returns the best value over them, in [0, 1].
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import regex

from rlc.data.text.cut import cut_words
from rlc.data.text.fold import fold

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MARKS = regex.compile(r"[\p{P}\p{S}]+")  # the same in every script
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

    As its authors wrote it, for ASCII: `compared` is the same for every script.

    >>> normalise("The  Quick, brown fox.")
    'quick brown fox'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def compared(text: str) -> list[str]:
    """The words by which answers are compared: folded, without punctuation and articles; unspaced scripts in pairs.

    On ASCII they are SQuAD's, but that an answer of articles alone keeps them, for "A" may be a choice or a name.

    >>> compared("The Straße."), compared("艾达·洛"), compared("A")
    (['strasse'], ['艾达', '达洛'], ['a'])
    """
    bare = _MARKS.sub("", fold(text))
    return cut_words(_ARTICLES.sub(" ", bare)) or cut_words(bare)


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """1.0 where the prediction has the words of a gold answer (`compared`), else 0.0.

    Of a prediction that chooses a letter (`chosen_letter`) only that is compared with a gold answer of one letter; so
    it is for `token_f1` and `containment`.

    Raises:
        ValueError: if there is no gold answer, and TypeError if it is a bare string (so does every metric here).

    Source: Rajpurkar et al., SQuAD, EMNLP 2016.
    """
    return _best(golds, lambda gold: float(_said(prediction, gold) == compared(gold)))


def token_f1(prediction: str, golds: Sequence[str]) -> float:
    """F1 of the bags of words (`compared`): 2 |p & g| / (|p| + |g|); two empty bags are equal.

    Source: Rajpurkar et al., SQuAD, EMNLP 2016.
    """

    def f1(gold: str) -> float:
        offered, wanted = Counter(_said(prediction, gold)), Counter(compared(gold))
        total = offered.total() + wanted.total()
        return 2 * (offered & wanted).total() / total if total else 1.0

    return _best(golds, f1)


def containment(prediction: str, golds: Sequence[str]) -> float:
    """1.0 where the words of a gold answer (`compared`) stand in the prediction one after the other, else 0.0."""

    def stands(gold: str) -> float:
        inside, sought = (f" {' '.join(words)} " for words in (_said(prediction, gold), compared(gold)))
        return float(sought in inside)

    return _best(golds, stands)


def rouge_l(prediction: str, golds: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of words, with Porter stems, by rouge-score; unspaced scripts in pairs.

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


def _said(prediction: str, gold: str) -> list[str]:
    """The words of a prediction to hold against a gold answer: those of its choice where that is one letter."""
    chosen = chosen_letter(prediction) if re.fullmatch(r"[A-Z]", gold) else ""
    return compared(chosen or prediction)


def _best(golds: Sequence[str], score: Callable[[str], float]) -> float:
    if isinstance(golds, str):
        raise TypeError(f"expected a sequence of gold answers, got one string: [{golds!r}] would do")
    if not golds:
        raise ValueError("expected at least one gold answer, got none; leave the question unscored instead")
    return max(score(gold) for gold in golds)


@cache
def _rouge() -> "RougeScorer":
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

    ascii_words = DefaultTokenizer(use_stemmer=True)

    class AnyScript:
        """rouge-score's words, which are of ASCII alone, and those of other scripts."""

        def tokenize(self, text: str) -> list[str]:
            if text.isascii():
                return list(ascii_words.tokenize(text))
            words = cut_words(fold(text))
            return [part for w in words for part in (ascii_words.tokenize(w) if w.isascii() else [w])]

    return RougeScorer(["rougeL"], tokenizer=AnyScript())
