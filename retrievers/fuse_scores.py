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


def weighted_score_fusion(
    rankings: Sequence[Sequence[tuple[str, float]]],
    weights: Sequence[float] | None = None,
    norm: str = "min-max",
) -> list[tuple[str, float]]:
    """Merge scored rankings by the weighted sum of normalised scores.

    score(d) = sum over rankings i of w_i * norm_i(s_i(d)). A document missing from a ranking gets the lowest
    normalised score in it: it stood below all that the ranking shows.

    Args:
        rankings: (id, score) pairs; of an id named twice the first counts.
        weights: one a ranking; None weighs all alike.
        norm: `min-max`, `z`, or `dbsf`.

    Returns:
        (id, score) pairs, best first, ties broken by id.

    Raises:
        ValueError: on an unknown norm, or weights that are not one a ranking.
    """
    normalise, weights = norm_of(norm), checked_weights(weights, len(rankings))
    everything = sorted({id_ for ranking in rankings for id_, _ in ranking})
    total = dict.fromkeys(everything, 0.0)
    for ranking, weight in zip(rankings, weights, strict=True):
        if not ranking:
            continue
        scores: dict[str, float] = {}
        for id_, score in ranking:
            scores.setdefault(id_, score)
        values = normalise(np.array(list(scores.values()), dtype=np.float64))
        normalised = dict(zip(scores, values.tolist(), strict=True))
        floor = min(normalised.values())
        for id_ in everything:
            total[id_] += weight * normalised.get(id_, floor)
    order = sorted(everything, key=total.__getitem__, reverse=True)
    return [(id_, total[id_]) for id_ in order]
