"""Fusion by scores: each list's scores on one scale, then a weighted sum."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import unknown

Scores = NDArray[np.float64]


def min_max(scores: Scores) -> Scores:
    """The list's range to 0..1; where all scores are equal, 1."""
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.ones_like(scores)


def z_score(scores: Scores) -> Scores:
    """Mean 0 and standard deviation 1; where all scores are equal, 0."""
    deviation = scores.std()
    return (scores - scores.mean()) / deviation if deviation > 0 else np.zeros_like(scores)


def distribution(scores: Scores) -> Scores:
    """Mean -+ 3 standard deviations to 0..1, what lies outside cut off; where all scores are equal, 1/2.

    Source: distribution-based score fusion, as Qdrant documents it.
    """
    deviation = scores.std()
    if deviation == 0:
        return np.full_like(scores, 0.5)
    return np.asarray(np.clip((scores - scores.mean()) / (6 * deviation) + 0.5, 0, 1))


NORMS: Mapping[str, Callable[[Scores], Scores]] = {"min-max": min_max, "z": z_score, "dbsf": distribution}
"""How one list's scores come to a common scale."""


def norm_of(name: str) -> Callable[[Scores], Scores]:
    """The norm of this name.

    Raises:
        ValueError: if there is none.
    """
    if name not in NORMS:
        raise ValueError(unknown("norm", name, NORMS))
    return NORMS[name]


def checked_weights(weights: Sequence[float] | None, count: int) -> Sequence[float]:
    """The weights, or ones.

    Raises:
        ValueError: if they are not one a ranking.
    """
    if weights is None:
        return [1.0] * count
    if len(weights) != count:
        raise ValueError(f"expected {count} weights, one a ranking, got {len(weights)}")
    return weights
