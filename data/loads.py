"""Loads: bounds of what will be read, stated from settings and documents before anything is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rlc.data.records import Example


@dataclass(frozen=True)
class ChunkLoad:
    """Bounds of a text's chunks, in tokens.

    `largest` bounds any chunk, then any parent of one (the nearest first); `whole` is all of the text.
    """

    largest: tuple[int, ...]
    whole: int


@dataclass(frozen=True)
class PassageLoad:
    """Bounds of the passages of a question: how many, the tokens of the largest, and the tokens of all together."""

    passages: int
    largest: int
    tokens: int

    def at_most(self, passages: int) -> "PassageLoad":
        """The load of the first so many passages."""
        kept = min(passages, self.passages)
        return PassageLoad(kept, self.largest, min(self.tokens, kept * self.largest))


@dataclass(frozen=True)
class PromptLoad:
    """Bounds of prompts that share a prefix, in tokens of the engine.

    `questions` prompts begin with the same `tokens` tokens of text; each has at most `question_tokens` more (question,
    frame and template) and is answered in at most `answer_tokens`. `cut_tokens` of the text do not fit the window.
    """

    document: str
    tokens: int
    questions: int
    question_tokens: int = 60
    answer_tokens: int = 64
    cut_tokens: int = 0

    @property
    def length(self) -> int:
        """The tokens of the longest of the prompts."""
        return self.tokens + self.question_tokens


@runtime_checkable
class Foreseeable(Protocol):
    """A reader that says beforehand what it will ask."""

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound every prompt for the examples; None where that cannot be said. Nothing is loaded or asked."""
        ...
