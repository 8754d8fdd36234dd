"""How much two token sequences share."""

from collections.abc import Sequence
from itertools import pairwise


def bigrams(tokens: Sequence[str]) -> frozenset[tuple[str, str]]:
    """The pairs of neighbouring tokens."""
    return frozenset(pairwise(tokens))


def share(part: float, whole: float, empty: float = 0.0) -> float:
    """Part / whole, or `empty` where there is no whole."""
    return part / whole if whole else empty
