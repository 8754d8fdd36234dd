"""How much two token sequences share."""

from collections.abc import Sequence
from itertools import pairwise


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """The length of the longest common subsequence.

    Bit-parallel: one row of the usual table is the bits of one integer, so that a row costs a few operations on
    integers of len(a) bits.

    Source: Hyyro, Bit-parallel LCS-length computation revisited, AWOCA 2004.
    """
    where: dict[str, int] = {}
    for i, token in enumerate(a):
        where[token] = where.get(token, 0) | 1 << i
    full = (1 << len(a)) - 1
    row = full
    for token in b:
        hits = row & where.get(token, 0)
        row = (row + hits | row - hits) & full
    return len(a) - row.bit_count()


def bigrams(tokens: Sequence[str]) -> frozenset[tuple[str, str]]:
    """The pairs of neighbouring tokens."""
    return frozenset(pairwise(tokens))


def share(part: float, whole: float, empty: float = 0.0) -> float:
    """Part / whole, or `empty` where there is no whole."""
    return part / whole if whole else empty
