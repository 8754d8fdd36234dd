"""What a value is: something in a text that says the same in many spellings, and is right or wrong as a whole."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import regex

_WORD = regex.compile(r"\p{L}+")
TAKEN = "\0"
"""Stands in a text for every character that a value took, so that no other kind reads it again."""


@dataclass(frozen=True)
class Value(ABC):
    """A value that stands in the half-open span [start, end) of a text, as it was `written`.

    `context` marks what says when rather than how much: it is not asked for where an answer holds other values.
    """

    start: int
    end: int
    written: str
    context: bool

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """Tokens that stand for the value among words; equal values mostly share them."""

    @property
    def count(self) -> float | None:
        """The number that it would be as a count; None where it cannot be one."""
        return None

    @abstractmethod
    def says(self, gold: "Value") -> bool:
        """Whether who says this value says `gold`."""


class Kind(NamedTuple):
    """One kind of value: where it may stand, and what is read there; None for what only looks like one.

    A kind with `words` is looked for only in a text that holds one of them, and one that is `foreign` only in a text
    with characters beyond ASCII, which is quicker than to look.
    """

    pattern: Any  # a compiled pattern of the library regex, which has no types
    read: Callable[[Any], Value | None]
    words: frozenset[str] = frozenset()
    foreign: bool = False


def scan(text: str, kinds: Sequence[Kind]) -> list[Value]:
    """The values of a folded text in order; where two kinds could read the same place, the earlier kind does."""
    found: list[Value] = []
    words = frozenset(_WORD.findall(text))
    for kind in kinds:
        if (kind.words and kind.words.isdisjoint(words)) or (kind.foreign and text.isascii()):
            continue

        def take(match: Any, read: Callable[[Any], Value | None] = kind.read) -> str:  # noqa: ANN401  see Kind
            value = read(match)
            if value is None:
                return str(match[0])
            found.append(value)
            return TAKEN * len(match[0])

        text = kind.pattern.sub(take, text)
    return sorted(found, key=lambda value: value.start)
