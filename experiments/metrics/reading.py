"""A gold answer and a prediction taken apart, and how much of the one is in the other.

The rule judge weighs these figures; each is a plain share in [0, 1].
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from rlc.data.text.abstention import ABSTENTION
from rlc.data.text.plain import STOP_WORDS, plain, sentences, stem, words
from rlc.experiments.metrics.numeric import Number, matched, moves, numbers, required, same_number
from rlc.experiments.metrics.overlap import bigrams, share

_NAME = re.compile(r"(?<![.!?:\n] )(?<!^)\b[A-Z][\w'-]*[A-Za-z]\b")
_NEGATION = re.compile(r"\b(?:no|not|never|none|neither|nor|nothing|nobody)\b|n't\b", re.IGNORECASE)
_YES_NO = re.compile(r"\W*(yes|no)\b(?=\W*$|[,.;:!])", re.IGNORECASE)
_UP = re.compile(r"\b(?:increas(?:e[sd]?|ing)|rise[sn]?|rising|rose|grow[sn]?|growing|grew|higher)\b")
_DOWN = re.compile(
    r"\b(?:decreas(?:e[sd]?|ing)|declin(?:e[sd]?|ing)|drop(?:s|ped)?|fell|fallen|lower(?:ed)?|reduced|reduction)\b"
)


@dataclass(frozen=True)
class Reading:
    """A text taken apart once.

    `tokens` are stems and number keys in order, `content` the stems that are no stop words, `names` the stems of
    words with a capital inside a sentence. `abstaining` tells of each sentence whether it says that the text does
    not tell; `denied` is the content of the first sentence if it negates something, else empty. `yes` is True for
    an answer that begins with yes, False for no; `direction` 1 for words of rising only, -1 for falling only.
    """

    tokens: tuple[str, ...]
    content: frozenset[str]
    numbers: tuple[Number, ...]
    moves: tuple[tuple[Number, Number], ...]
    names: frozenset[str]
    abstaining: tuple[bool, ...]
    denied: frozenset[str]
    yes: bool | None
    direction: int

    @property
    def opens_abstaining(self) -> bool:
        """Whether one of the first two sentences says that the text does not tell."""
        return any(self.abstaining[:2])

    @property
    def abstaining_share(self) -> float:
        """The share of sentences that say so."""
        return share(sum(self.abstaining), len(self.abstaining))


def read(text: str) -> Reading:
    """Take a text apart."""
    text = plain(text)
    lowered = text.lower()
    found = numbers(lowered)
    tokens: list[str] = []
    content: set[str] = set()
    position = 0
    for number in [*found, None]:
        for word in words(lowered[position : number.start if number else None]):
            tokens.append(stem(word))
            if word not in STOP_WORDS:
                content.add(tokens[-1])
        if number:
            tokens.append(number.key)
            position = number.end
    parts = sentences(text)
    yes_no = _YES_NO.match(text)
    return Reading(
        tokens=tuple(tokens),
        content=frozenset(content),
        numbers=tuple(found),
        moves=tuple(moves(lowered, found)),
        names=frozenset(stem(name.lower()) for name in _NAME.findall(text)),
        abstaining=tuple(ABSTENTION.search(part) is not None for part in parts),
        denied=_content(parts[0]) if parts and _NEGATION.search(parts[0]) else frozenset(),
        yes=yes_no[1].lower() == "yes" if yes_no else None,
        direction=bool(_UP.search(lowered)) - bool(_DOWN.search(lowered)),
    )


read_once = lru_cache(maxsize=1 << 14)(read)
"""`read` for questions and gold answers, which come back with every model and arm."""


def _content(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text.lower()) if word not in STOP_WORDS)


@dataclass(frozen=True)
class Key:
    """A gold answer beside its question: `content`, `numbers` and `names` hold what the question did not give."""

    question: Reading
    gold: Reading
    content: frozenset[str]
    numbers: tuple[Number, ...]
    names: frozenset[str]
    bigrams: frozenset[tuple[str, str]]


@lru_cache(maxsize=1 << 14)
def answer_key(question: str, gold: str) -> Key:
    """Take a question and one of its gold answers apart.

    Where the gold answer brings nothing new, all its words count; where it has stop words only, those.
    """
    asked, answer = read_once(question), read_once(gold)
    given = {number.key for number in asked.numbers}
    new_numbers = tuple(required([number for number in answer.numbers if number.key not in given]))
    new = answer.content - asked.content
    if not new and not new_numbers:
        new = answer.content or frozenset(answer.tokens)
    return Key(
        question=asked,
        gold=answer,
        content=new,
        numbers=new_numbers,
        names=answer.names - asked.content,
        bigrams=bigrams(answer.tokens),
    )


class Overlap(NamedTuple):
    """What of a gold answer is in a prediction. "New" is what the question did not give; numbers count as words.

    Where the gold answer has no numbers, names or pairs of words, their recall is that of its new words.
    """

    overlap: float  # new words in both / the smaller number of new words
    recall: float  # of the new words
    precision: float  # of the prediction's new words
    rouge_recall: float  # longest common subsequence / gold tokens
    rouge_f: float  # its F-measure
    bigram_recall: float
    plain_recall: float  # of all gold words, stop words left out
    number_recall: float  # of the numbers that must be matched
    number_precision: float  # of the prediction's numbers: the share that gold answer or question holds
    name_recall: float


def overlap(key: Key, answer: Reading) -> Overlap:
    """Compare a prediction with a gold answer."""
    vocabulary = frozenset(answer.tokens)
    hits = sum(matched(key.numbers, answer.numbers, key.gold.moves, answer.moves))
    common = len(key.content & vocabulary) + hits
    wanted = len(key.content) + len(key.numbers)
    offered = max(common, len(answer.content - key.question.content) + len(answer.numbers))
    recall = share(common, wanted)
    sequence = LCSseq.similarity(key.gold.tokens, answer.tokens)
    return Overlap(
        overlap=share(common, min(wanted, offered)),
        recall=recall,
        precision=share(common, offered),
        rouge_recall=share(sequence, len(key.gold.tokens)),
        rouge_f=share(2 * sequence, len(key.gold.tokens) + len(answer.tokens)),
        bigram_recall=share(len(key.bigrams & bigrams(answer.tokens)), len(key.bigrams), empty=recall),
        plain_recall=share(len(key.gold.content & vocabulary), len(key.gold.content), empty=recall),
        number_recall=share(hits, len(key.numbers), empty=recall),
        number_precision=_number_precision(key, answer),
        name_recall=share(len(key.names & vocabulary), len(key.names), empty=recall),
    )


def _number_precision(key: Key, answer: Reading) -> float:
    sizes = [number for number in answer.numbers if not number.context]
    known = key.gold.numbers + key.question.numbers
    return share(sum(any(same_number(n, k) for k in known) for n in sizes), len(sizes), empty=1.0)
