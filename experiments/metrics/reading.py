"""A gold answer and a prediction taken apart, and how much of the one is in the other.

The rule judge weighs these figures; each is a plain share in [0, 1].
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import regex
from rapidfuzz.distance import LCSseq

from rlc.data.text.abstention import says_nothing
from rlc.data.text.cut import grams, is_unspaced, letters, space_out
from rlc.data.text.fold import fold, without_marks
from rlc.data.text.plain import plain, sentences, stem, words
from rlc.data.text.stop_words import STOP_WORDS
from rlc.experiments.metrics.numeric import (
    Move,
    as_versions,
    matched,
    moves,
    of_a_loss,
    required,
    with_differences,
)
from rlc.experiments.metrics.overlap import bigrams, share
from rlc.experiments.metrics.truth import is_denial, truth, with_denials
from rlc.experiments.metrics.values import Time, Value, values

_NAME = re.compile(r"(?<![.!?:\n] )(?<!^)\b[A-Z][\w'-]*[A-Za-z]\b")
_CAPITALS = regex.compile(
    r"\p{Lu}[\w'’.-]*(?:\s(?:(?:of|the|de|del|da|di|van|von|der|bin|al)\s)*\p{Lu}[\w'’.-]*)*"
)
_NOTHING = frozenset({"none", "nobody", "no one", "nothing", "nil"})  # as a whole answer: how many, or who
_ACRONYM = regex.compile(r"\b(?:\p{L}\.){2,}\p{L}\b\.?")
_MARKED = regex.compile(r"[^\W_]+(?:'[^\W_]+)?|[,;:()]")
_IDENTIFIER = regex.compile(r"(?<![\w.-])(?:[a-z]++[-/]?\d++(?:[-/.]\w++)*|\d++[a-z](?!\w))(?![\w-])")
_INSIDE, _LETTERS, _FIGURES = regex.compile(r"[-/.]"), regex.compile(r"[a-z]+"), regex.compile(r"\d+")
_LONGEST_COMPOUND = 4  # words
_VERSIONS = frozenset(map(stem, ["version", "release", "build", "firmware"]))
_FEW = 3  # words
STOP_STEMS = frozenset(map(stem, STOP_WORDS)) | {",", ";", ":", "(", ")"}
_UP = re.compile(r"\b(?:increas(?:e[sd]?|ing)|rise[sn]?|rising|rose|grow[sn]?|growing|grew|higher)\b")
_DOWN = re.compile(
    r"\b(?:decreas(?:e[sd]?|ing)|declin(?:e[sd]?|ing)|drop(?:s|ped)?|fell|fallen|lower(?:ed)?|reduced|reduction)\b"
)


@dataclass(frozen=True)
class Clause:
    """A sentence: whether it denies something, and whether it says that the text does not tell."""

    text: str
    denies: bool
    abstains: bool

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The clause's stems and marks in order."""
        text = with_denials(_comparable(self.text))
        parts = (word.removesuffix("'s") for word in _MARKED.findall(text))
        if not text.isascii():
            parts = (gram for word in parts for gram in grams(word))
        return tuple(stem(part) if part[0].isalnum() else part for part in parts)


@dataclass(frozen=True)
class ParsedAnswer:
    """A text taken apart once.

    `tokens` are stems and keys of values in order, `content` the stems that are no stop words, `names` the stems of
    words with a capital inside a sentence. `truth` is True for an answer that begins with yes or says that it is
    true, False for no; `direction` 1 for words of rising only, -1 for falling only.
    """

    text: str
    tokens: tuple[str, ...]
    content: frozenset[str]
    values: tuple[Value, ...]
    moves: tuple[Move, ...]
    names: frozenset[str]
    clauses: tuple[Clause, ...]
    truth: bool | None
    direction: int

    @property
    def opens_abstaining(self) -> bool:
        """Whether one of the first two sentences says that the text does not tell."""
        return any(clause.abstains for clause in self.clauses[:2])

    @property
    def asks_for_a_loss(self) -> bool:
        """Whether a question asks for what was lost or fell, so that an answer may leave the sign out."""
        return self.direction < 0 or "los" in self.vocabulary or "deficit" in self.vocabulary

    @property
    def asks_for_a_version(self) -> bool:
        """Whether a question asks for a version, so that 3.10 is not 3.1."""
        return not _VERSIONS.isdisjoint(self.vocabulary)

    @property
    def abstaining_share(self) -> float:
        """The share of sentences that say so."""
        return share(sum(clause.abstains for clause in self.clauses), len(self.clauses))

    @property
    def says_only_so(self) -> bool:
        """Whether it is yes or no and nothing else."""
        return self.truth is not None and len(self.tokens) <= 4

    @property
    def denied(self) -> frozenset[str]:
        """The content of the first sentence if it denies something, else nothing."""
        first = self.clauses[0] if self.clauses else None
        return frozenset(first.words) - STOP_STEMS if first and first.denies else frozenset()

    @cached_property
    def written_words(self) -> tuple[str, ...]:
        """The words as they are written, folded."""
        return tuple(words(_comparable(self.text)))

    @cached_property
    def identifiers(self) -> Mapping[str, str]:
        """Words of letters and digits, such as gpt-4 and 3a: which letters and digits follow each other, by word."""
        found = (match[0] for match in _IDENTIFIER.finditer(fold(self.text)))
        return {_INSIDE.sub("", name): _LETTERS.sub("a", _FIGURES.sub("9", name)) for name in found}

    @cached_property
    def runs(self) -> tuple[tuple[str, ...], ...]:
        """The stems of neighbouring words with a capital."""
        return tuple(tuple(map(stem, words(_comparable(run)))) for run in _CAPITALS.findall(self.text))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All tokens, and the letters of those that are pairs of letters."""
        found = set(self.tokens)
        if is_unspaced(self.text):
            found.update(letter for token in self.tokens if is_unspaced(token) for letter in letters(token))
        return frozenset(found)


def read(text: str) -> ParsedAnswer:
    """Take a text apart."""
    text = plain(text).strip()
    folded = _comparable(text)
    if folded.strip(" .!") in _NOTHING:
        folded = "0"
    found = with_differences(values(folded))
    tokens: list[str] = []
    content: set[str] = set()
    position = 0
    for value in [*found, None]:
        for word in words(folded[position : value.start if value else None]):
            tokens.append(stem(word))
            if word not in STOP_WORDS:
                content.add(tokens[-1])
        if value:
            tokens.extend(value.keys)
            position = value.end
    parts = sentences(text)
    return ParsedAnswer(
        text=text,
        tokens=tuple(tokens),
        content=frozenset(content),
        values=tuple(found),
        moves=tuple(moves(folded, found)),
        names=frozenset(stem(fold(name)) for name in _NAME.findall(text)),
        clauses=tuple(Clause(part, is_denial(part), says_nothing(part)) for part in parts),
        truth=truth(folded),
        direction=bool(_UP.search(folded)) - bool(_DOWN.search(folded)),
    )


read_once = lru_cache(maxsize=1 << 14)(read)
"""`read` for questions and gold answers, which come back with every model and arm."""


def _comparable(text: str) -> str:
    """A plain text folded, Latin letters without their marks, and runs of unspaced scripts on their own."""
    folded = _ACRONYM.sub(lambda match: match[0].replace(".", ""), fold(text))
    return folded if folded.isascii() else space_out(without_marks(folded))


@dataclass(frozen=True)
class Key:
    """A gold answer beside its question: `content`, `values` and `names` hold what the question did not give."""

    question: ParsedAnswer
    gold: ParsedAnswer
    content: frozenset[str]
    values: tuple[Value, ...]
    names: frozenset[str]
    bigrams: frozenset[tuple[str, str]]


@lru_cache(maxsize=1 << 14)
def answer_key(question: str, gold: str) -> Key:
    """Take a question and one of its gold answers apart.

    Where the gold answer brings nothing new, all its words count; where it has stop words only, those.
    """
    asked, answer = read_once(question), read_once(gold)
    if asked.asks_for_a_loss:
        answer = replace(answer, values=tuple(of_a_loss(answer.values)))
    if asked.asks_for_a_version:
        answer = replace(answer, values=tuple(as_versions(answer.values)))
    given = {value.keys for value in asked.values}
    long = len(answer.content) > _FEW  # in a longer answer, noon and midnight are words like others
    new_values = tuple(
        required(
            [
                value
                for value in answer.values
                if value.keys not in given and not (long and value.context and isinstance(value, Time))
            ]
        )
    )
    new = answer.content - asked.content
    if not new and not new_values:
        new = answer.content or frozenset(answer.tokens)
    return Key(
        question=asked,
        gold=answer,
        content=new,
        values=new_values,
        names=answer.names - asked.content,
        bigrams=bigrams(answer.tokens),
    )


def meeting(key: Key, answer: ParsedAnswer) -> ParsedAnswer:
    """A prediction that writes a short gold answer together or apart, with its words: Hanoi and Hà Nội, e-mail and email."""
    gold = key.gold
    if not 0 < len(gold.tokens) <= _LONGEST_COMPOUND or gold.values or key.content <= answer.vocabulary:
        return answer
    sought = "".join(gold.written_words)
    said, reach = answer.written_words, len(sought)
    for first, word in enumerate(said):
        if not sought.startswith(word):
            continue
        run = word
        for following in said[first + 1 :]:
            if len(run) >= reach:
                break
            run += following
        if run == sought:
            return replace(
                answer,
                tokens=gold.tokens + answer.tokens,
                content=answer.content | gold.content,
                names=answer.names | gold.names,
            )
    return answer


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


def overlap(key: Key, answer: ParsedAnswer) -> Overlap:
    """Compare a prediction with a gold answer."""
    vocabulary = answer.vocabulary
    hits = sum(matched(key.values, answer.values, key.gold.moves, answer.moves))
    common = len(key.content & vocabulary) + hits
    wanted = len(key.content) + len(key.values)
    offered = max(common, len(answer.content - key.question.content) + len(answer.values))
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
        number_recall=share(hits, len(key.values), empty=recall),
        number_precision=_number_precision(key, answer),
        name_recall=share(len(key.names & vocabulary), len(key.names), empty=recall),
    )


def _number_precision(key: Key, answer: ParsedAnswer) -> float:
    sizes = [value for value in answer.values if not value.context]
    known = key.gold.values + key.question.values
    return share(sum(any(said.says(told) for told in known) for said in sizes), len(sizes), empty=1.0)
