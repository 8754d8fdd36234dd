"""Fusion by ranks alone."""

from collections.abc import Sequence

from rlc.retrievers.fuse.scores import checked_weights


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[str]], k: int = 60, weights: Sequence[float] | None = None
) -> list[tuple[str, float]]:
    """Merge rankings by weighted, summed reciprocal rank.

    score(d) = sum over rankings i of w_i / (k + rank_i(d)), rank counted from 1; a document missing from a
    ranking adds nothing, and one that a ranking names twice counts at its better rank.

    Returns:
        (id, score) pairs, best first, ties broken by id.

    Raises:
        ValueError: if the weights are not one a ranking, or k is negative.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009, doi:10.1145/1571941.1572114 (there w_i = 1).
    """
    weights = checked_weights(weights, len(rankings))
    if k < 0:
        raise ValueError(f"k must be at least 0, got {k}")
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, document in enumerate(dict.fromkeys(ranking), start=k + 1):
            scores[document] = scores.get(document, 0.0) + weight / rank
    return [
        (document, -negative)
        for negative, document in sorted((-s, document) for document, s in scores.items())
    ]
