"""Reasoning between searches: what was found so far, how a thought is read, and what a method asks at most."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rlc.data.records import Document, Example
from rlc.data.text.sentences import split_sentences

FINAL = re.compile(r"(?:final )?answer is[:：]?\s*(.+)", re.IGNORECASE | re.DOTALL)
FOLLOW_UP = re.compile(r"follow[- ]?up[:：]?\s*(.+)", re.IGNORECASE)
MOST_PASSAGES = 15  # that IRCoT gathers

ROUNDS: Mapping[str, int] = {"iter-drag": 5, "ircot": 8, "iter-retgen": 3, "self-ask": 5}
"""The rounds of each method, as its authors set them; of `iter-retgen` as FlashRAG does."""


@dataclass
class Gathered:
    """Passages that were found for a question, newest search first, and the tokens that did not fit the last prompt."""

    example: Example
    passages: list[Document] = field(default_factory=list)
    cut_tokens: int = 0

    def add(self, found: Sequence[Document]) -> None:
        """Put what was found before all that was found earlier."""
        again = {passage.id for passage in found}
        self.passages[:] = [*found, *(passage for passage in self.passages if passage.id not in again)]


def answer_in(said: str) -> str:
    """The answer that a text ends with, behind the words that announce it; else the text."""
    found = FINAL.search(said)
    return (found[1] if found else said).strip()


def first_sentence(text: str) -> str:
    """The first sentence of a text."""
    found = split_sentences(text)
    return text[found[0][0] : found[0][1]].strip() if found else text.strip()


def rounds_of(method: str, rounds: int, thought: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Of every call that a method may make: searches whose passages stand in it, entries of its log, tokens it writes.

    Args:
        method: one of `ROUNDS`.
        rounds: thoughts at most.
        thought: tokens of a thought.
        length: tokens of the answer.
    """
    if method == "iter-retgen":
        yield from ((1, 0, length) for _ in range(rounds))
        return
    own = method == "self-ask"
    for n in range(rounds):
        yield (0 if own else n + 1), n, thought
        if method != "ircot":
            yield (1 if own else n + 2), n + 1, thought
    yield (0 if own else rounds + 1), rounds, length
