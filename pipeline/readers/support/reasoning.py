"""Reasoning between searches: what was found so far, how a thought is read, and what a method asks at most."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rlc.data.records import Document, Example
from rlc.data.text.sentences import split_sentences

_FINAL = re.compile(r"(?:final )?answer is[:：]?\s*(.+)", re.IGNORECASE | re.DOTALL)
_FOLLOW_UP = re.compile(r"follow[- ]?up[:：]?\s*(.+)", re.IGNORECASE)
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


@dataclass(frozen=True)
class Thought:
    """What a model wrote between searches."""

    said: str

    @property
    def follow_up(self) -> str:
        """The question that it wants to have searched for; empty where it names none."""
        found = _FOLLOW_UP.search(self.said)
        return found[1] if found else ""

    @property
    def concludes(self) -> bool:
        """Whether it announces an answer."""
        return _FINAL.search(self.said) is not None

    @property
    def answer(self) -> str:
        """What stands behind the words that announce an answer; without them all that was said."""
        found = _FINAL.search(self.said)
        return (found[1] if found else self.said).strip()

    @property
    def sentence(self) -> str:
        """The first sentence; of a text without an end to one, all of it."""
        found = split_sentences(self.said)
        return self.said[slice(*found[0])].strip() if found else self.said.strip()

    @property
    def step(self) -> str:
        """One step of the reasoning: the first sentence, or all of a text that concludes."""
        return self.said.strip() if self.concludes else self.sentence


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
