"""How well abstaining meets questions without an answer; `rlc.data.text.abstention` says what abstains."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class AbstentionScores:
    """How well abstaining met unanswerable questions; a share is None where its denominator is zero."""

    precision: float | None
    recall: float | None
    abstained: int
    unanswerable: int
    n: int


def abstention_scores(pairs: Iterable[tuple[bool, bool]]) -> AbstentionScores:
    """Precision and recall of abstention over pairs of (abstained, unanswerable).

    precision = |abstained and unanswerable| / |abstained|; recall = the same / |unanswerable|.
    """
    pairs = list(pairs)
    abstained = sum(a for a, _ in pairs)
    unanswerable = sum(u for _, u in pairs)
    both = sum(a and u for a, u in pairs)
    return AbstentionScores(
        precision=both / abstained if abstained else None,
        recall=both / unanswerable if unanswerable else None,
        abstained=abstained,
        unanswerable=unanswerable,
        n=len(pairs),
    )
