"""Token windows: cut one text into windows of at most so many tokens, with an overlap."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rlc.chunkers.base import Span
from rlc.data.protocols import Tokenizer
from rlc.data.text.words import WordCache, is_edge, with_word_cache
from rlc.data.tokens import ApproximateTokenizer

BYTES = 32
"""The most bytes of UTF-8 that a chunk has for each of its tokens: prose has 4 to 6 in most scripts, tables of spaces up to 27."""
LEAST_BYTES = 64  # of any chunk, so that a word stays whole

Choose = Callable[[int, int], int]
"""Given characters low < high, a place to cut in (low, high]."""


class Ruler:
    """Where the tokens of one text lie.

    A tokenizer may count a slice differently from the same stretch inside the whole text (a cut inside a word
    makes other pieces), so places found here are proposals, and `count` has the last word.
    """

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self.text = text
        self._tokenizer = with_word_cache(tokenizer)
        self._starts = _token_starts(text, self._tokenizer)

    def count(self, start: int, end: int) -> int:
        """The tokens of the slice: counted afresh, unless it is known to be cut where no token notices."""
        if isinstance(self._tokenizer, WordCache) and all(
            is_edge(self.text, place) for place in (start, end)
        ):
            return self.inside(start, end)
        return self._tokenizer.count(self.text[start:end])

    def inside(self, start: int, end: int) -> int:
        """The tokens of the whole text that begin inside the slice: near to `count`, and quick."""
        first, last = np.searchsorted(self._starts, [start, end])
        return int(last - first)

    def forward(self, start: int, tokens: int) -> int:
        """The place after the next `tokens` tokens and the white space that follows them; beyond `start`."""
        index = int(np.searchsorted(self._starts, start)) + tokens
        if index >= len(self._starts):
            return len(self.text)
        return max(int(self._starts[index]), start + 1)

    def bound(self, start: int, size: int) -> int:
        """Where a slice of `size` tokens ends at the latest, whatever the tokenizer takes for a token: `BYTES` for each."""
        most = max(BYTES * size, LEAST_BYTES)
        text = self.text[start : start + most]
        return start + (len(text) if text.isascii() else len(text.encode()[:most].decode(errors="ignore")))

    def back(self, end: int, tokens: int) -> int:
        """The place before the last `tokens` tokens that begin before `end`."""
        index = max(int(np.searchsorted(self._starts, end)) - tokens, 0)
        return int(self._starts[index]) if index < len(self._starts) else end


def _token_starts(text: str, tokenizer: Tokenizer) -> NDArray[np.int64]:
    if isinstance(tokenizer, WordCache):
        starts = tokenizer.borders(text)[:, 0]
    else:
        offsets = tokenizer.pieces if isinstance(tokenizer, ApproximateTokenizer) else tokenizer.offsets
        starts = np.fromiter((start for start, _ in offsets(text)), dtype=np.int64)
    return np.maximum.accumulate(starts) if len(starts) else starts  # searched by bisection


def windows(ruler: Ruler, size: int, overlap: int, cut: Choose, begin: Choose, least: int = 0) -> list[Span]:
    """Cover a text with spans of at most `size` tokens, and of so many bytes as `BYTES` grants them.

    Each span ends where `cut` says, behind its first `least` tokens (and behind the overlap, so that every step
    moves on); the next begins where `begin` says within the last `overlap` tokens. A single character that
    has more than `size` tokens is kept whole.

    Raises:
        ValueError: if `begin` names a place outside its range, since what lies between would be in no span.
    """
    text = ruler.text
    spans: list[Span] = []
    start = end = 0
    while end < len(text):
        place = _fit(ruler, start, size, max(least, overlap), cut)
        if place <= end:  # the recount left no room for the overlap: go on without it
            start = end
            continue
        spans.append(Span(start, place))
        end = place
        earliest = ruler.back(end, overlap)
        if not start < earliest < end < len(text):
            start = end
            continue
        start = begin(earliest, end)
        if not earliest <= start <= end:
            raise ValueError(f"begin must name a place in [{earliest}, {end}], got {start}")
    return spans


def _fit(ruler: Ruler, start: int, size: int, least: int, cut: Choose) -> int:
    """The end of a span that begins at `start`: the budget of tokens falls until the slice, counted, fits."""
    budget, limit = size, ruler.bound(start, size)
    while True:
        high = min(ruler.forward(start, budget), limit)
        if high == len(ruler.text) and ruler.count(start, high) <= size:
            return high
        place = cut(min(ruler.forward(start, least), high - 1), high)
        surplus = ruler.count(start, place) - size
        if surplus <= 0 or high == start + 1:
            return place
        if budget == 0:  # `start` lies inside a token of the whole text, so no token begins where we may cut
            limit = start + (high - start) // 2
        budget = max(budget - surplus, budget // 2)
