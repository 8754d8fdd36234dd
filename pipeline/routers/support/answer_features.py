"""What answers say about themselves: whether they give up, whether the passages hold what they claim, and where two differ."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, combinations
from typing import NamedTuple

from rlc.data.records import Evidence
from rlc.data.text.abstention import abstaining
from rlc.data.text.stop_words import STOP_WORDS
from rlc.pipeline.routers.support.features import Text, six_letter_stem, split_words

_HEDGE = re.compile(
    r"\b(?:may|might|could|likely|suggest\w*|appear\w*|seem\w*|impl(?:y|ies)|possibl[ey]|probabl[ey])\b"
)
_NEGATION = re.compile(r"\b(?:no|not|never|none|neither|nor|cannot|without|unable|lacks?)\b|n['’]t\b")
_START = 30  # characters that two answers may begin alike with

PHRASES = ("abstains", "abstaining_share")
"""Ends of the names of the features that the rule judge's own phrases of abstention decide."""


class _Words(NamedTuple):
    """An answer taken apart: how many words, the stems of those with content, and those that are numbers."""

    length: int
    stems: set[str]
    numbers: set[str]


def answer_features(
    question: str, answer: str, document: Text, evidence: Sequence[Evidence], name: str = "answer"
) -> dict[str, float]:
    """The features of an answer held against the evidence; an empty answer has none of anything.

    `answer_support` is the share of the answer's content words that stand in the evidence, `answer_new` the share
    that does not stand in the question. `answer_negations` is the share of its words that negate, which tells that it
    gives up without the phrases by which the rule judge decides that. `name` stands before each, in place of `answer`.
    """
    silent = abstaining(answer)
    said = _taken_apart(answer)
    asked = {six_letter_stem(word) for word in split_words(question)}
    read = _read(document, tuple((piece.start, piece.end) for piece in evidence))
    return {
        f"{name}_abstains": float(any(silent[:2])),
        f"{name}_abstaining_share": sum(silent) / max(1, len(silent)),
        f"{name}_length": math.log1p(said.length),
        f"{name}_support": len(said.stems & read.stems) / max(1, len(said.stems)),
        f"{name}_new": len(said.stems - asked) / max(1, len(said.stems)),
        f"{name}_numbers": math.log1p(len(said.numbers)),
        f"{name}_numbers_unread": math.log1p(len(said.numbers - read.words)),
        f"{name}_negations": len(_NEGATION.findall(answer.lower())) / max(1, said.length),
        f"{name}_hedges": float(_HEDGE.search(answer.lower()) is not None),
    }


def pair_features(rag: str, long: str) -> dict[str, float]:
    """Where the answers of both arms to one question agree, and how they differ.

    `pair_words` is the share of content words that both say, `pair_words_of_rag` and `pair_words_of_long` those of one
    that the other says too, `pair_numbers` the share of numbers. They contradict each other where both give numbers and
    share none, or one begins with yes and the other with no.
    """
    first, second = _taken_apart(rag), _taken_apart(long)
    words, numbers = len(first.stems & second.stems), len(first.numbers & second.numbers)
    return {
        "pair_words": _shared(first.stems, second.stems),
        "pair_words_of_rag": words / max(1, len(first.stems)),
        "pair_words_of_long": words / max(1, len(second.stems)),
        "pair_numbers": numbers / max(1, len(first.numbers | second.numbers)),
        "pair_numbers_contradict": float(bool(first.numbers) and bool(second.numbers) and not numbers),
        "pair_one_without_numbers": float(bool(first.numbers) != bool(second.numbers)),
        "pair_yes_and_no": float({_yes_or_no(rag), _yes_or_no(long)} == {"yes", "no"}),
        "pair_begin_alike": float(rag[:_START].lower() == long[:_START].lower()),
        "pair_longer": math.log1p(first.length) - math.log1p(second.length),
    }


class _Read(NamedTuple):
    """The words that stand in evidence, and their stems."""

    words: frozenset[str]
    stems: frozenset[str]


@lru_cache(maxsize=64)  # of one question several answers are held against the same passages
def _read(document: Text, spans: tuple[tuple[int, int], ...]) -> _Read:
    words = frozenset(chain(*(split_words(document.content[start:end]) for start, end in spans)))
    return _Read(words, frozenset(map(six_letter_stem, words)))


def panel_features(rag: str, long: str, panel: Sequence[str]) -> dict[str, float]:
    """How far other readers' answers to one question agree with both arms and with each other, by shared content words.

    The order of the panel says nothing.
    """
    first, second = _taken_apart(rag).stems, _taken_apart(long).stems
    others = [_taken_apart(answer).stems for answer in panel]
    pairs = [_shared(one, other) for one, other in combinations(others, 2)]
    return {
        "panel_with_rag": _mean([_shared(other, first) for other in others]),
        "panel_with_long": _mean([_shared(other, second) for other in others]),
        "panel_agrees": _mean(pairs),
        "panel_abstains": _mean([float(any(abstaining(answer)[:2])) for answer in panel]),
    }


def _shared(first: set[str], second: set[str]) -> float:
    return len(first & second) / max(1, len(first | second))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def _taken_apart(answer: str) -> _Words:
    words = split_words(answer)
    stems = {six_letter_stem(word) for word in words if word not in STOP_WORDS and len(word) > 1}
    return _Words(len(words), stems, {word for word in words if word[0].isdigit()})


def _yes_or_no(answer: str) -> str:
    """The first word of an answer, where it is one of the two."""
    first = next(iter(split_words(answer[:_START])), "")
    return first if first in ("yes", "no") else ""
