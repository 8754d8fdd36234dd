"""Fusion of many queries at once, on arrays: as one query at a time would fuse, many times as fast.

Documents are numbers in the order of their ids, so that equal scores go by id. A ranking is int64 [queries, depth],
best first, filled up with -1 behind a short list; no list names a document twice. What comes back is two arrays
[queries, all depths together], best first: the documents, filled up with -1, and their scores, with minus infinity.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlc.retrievers.fuse.scores import Scores, checked_weights, norm_of

Rows = NDArray[np.int64]


def reciprocal_rank_fusion_batch(
    rankings: Sequence[Rows], k: int = 60, weights: Sequence[float] | None = None
) -> tuple[Rows, Scores]:
    """`reciprocal_rank_fusion` for every query.

    Raises:
        ValueError: if the weights are not one a ranking, k is negative, or a list names a document twice.
    """
    if k < 0:
        raise ValueError(f"k must be at least 0, got {k}")
    values = [
        np.broadcast_to(weight / np.arange(k + 1, k + 1 + ranking.shape[1]), ranking.shape)
        for ranking, weight in zip(rankings, checked_weights(weights, len(rankings)), strict=True)
    ]
    return _sum_up(rankings, values, [np.zeros(len(ranking)) for ranking in rankings])


def weighted_score_fusion_batch(
    rankings: Sequence[Rows],
    scores: Sequence[Scores],
    weights: Sequence[float] | None = None,
    norm: str = "min-max",
) -> tuple[Rows, Scores]:
    """Merge scored rankings by the weighted sum of normalised scores, for every query.

    score(d) = sum over rankings i of w_i * norm_i(s_i(d)). A document missing from a ranking gets the lowest
    normalised score in it: it stood below all that the ranking shows.

    Args:
        rankings: one array a retriever.
        scores: the rankings' own, [queries, depth].
        weights: one a ranking; None weighs all alike.
        norm: `min-max`, `z` or `dbsf`.

    Raises:
        ValueError: on an unknown norm, weights that are not one a ranking, or a list that names a document twice.
    """
    normalise = norm_of(norm)
    values, floors = [], []
    for ranking, given, weight in zip(rankings, scores, checked_weights(weights, len(rankings)), strict=True):
        value, floor = np.zeros(ranking.shape), np.zeros(len(ranking))
        for query, length in enumerate(np.count_nonzero(ranking >= 0, axis=1).tolist()):
            if length:
                normalised = normalise(given[query, :length])
                value[query, :length] = weight * normalised
                floor[query] = weight * normalised.min()
        values.append(value)
        floors.append(floor)
    return _sum_up(rankings, values, floors)


def _sum_up(
    rankings: Sequence[Rows], values: Sequence[Scores], missing: Sequence[Scores]
) -> tuple[Rows, Scores]:
    """Add up, ranking by ranking, what each gives a document: `values`, or `missing` where it does not name it."""
    documents = np.concatenate(rankings, axis=1)
    width = documents.shape[1]
    bits = width.bit_length()
    # Sorting document and place as one number brings the same documents together, and is faster than an argsort.
    keys = np.sort(documents << bits | np.arange(width), axis=1)
    documents, places = keys >> bits, keys & ((1 << bits) - 1)
    values_at = np.take_along_axis(np.concatenate(values, axis=1), places, axis=1)
    named = documents >= 0
    first = named.copy()
    first[:, 1:] &= documents[:, 1:] != documents[:, :-1]
    groups = np.cumsum(first).reshape(first.shape) - 1
    queries = np.nonzero(first)[0]
    totals = np.zeros(len(queries))
    borders = np.cumsum([0, *(ranking.shape[1] for ranking in rankings)]).tolist()
    for (start, stop), floor in zip(pairwise(borders), missing, strict=True):
        mine = named & (places >= start) & (places < stop)
        added = floor[queries]
        added[groups[mine]] = values_at[mine]
        totals += added
        if np.bincount(groups[mine]).max(initial=0) > 1:
            raise ValueError("a list names a document twice: keep each at its best rank alone")
    negative = np.full(documents.shape, np.inf)
    negative[first] = -totals
    order = np.argsort(negative, axis=1, kind="stable")
    fused = np.where(first, documents, -1)
    return np.take_along_axis(fused, order, axis=1), -np.take_along_axis(negative, order, axis=1)
