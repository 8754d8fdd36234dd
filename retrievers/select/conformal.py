"""Selection by a conformal threshold: evidence is kept with a chosen probability."""

import math
from collections.abc import Sequence

from langchain_core.documents import Document

from rlc.data.spec import Spec
from rlc.retrievers.support.compressor import Compressor, score_of


def conformal_threshold(scores: Sequence[float], alpha: float) -> float:
    """The score above which a new question's evidence stands with probability of at least 1 - alpha.

    The floor(alpha * (n + 1))-th smallest of `scores`, one a held-out question: the score of the passage that
    holds its answer. Holds for new questions exchangeable with the held-out ones, on average over both. Where
    n is too small for alpha, minus infinity: everything must be kept.

    Raises:
        ValueError: if alpha is not in (0, 1).

    Source: CONFLARE, arXiv 2404.04287.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), got {alpha}")
    rank = math.floor(alpha * (len(scores) + 1))
    return sorted(scores)[rank - 1] if rank else -math.inf


class Conformal(Compressor):
    """Every document whose score reaches the threshold that `conformal_threshold` found on held-out questions."""

    threshold: float

    @classmethod
    def example(cls) -> Spec:
        """The settings that have no default."""
        return {"threshold": 0.0}

    @classmethod
    def fit(cls, scores: Sequence[float], alpha: float = 0.1) -> "Conformal":
        """Set the threshold so that evidence is kept with probability of at least 1 - alpha."""
        return cls(threshold=conformal_threshold(scores, alpha))

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002
        """The documents at or above the threshold."""
        return [document for document in documents if score_of(document) >= self.threshold]
