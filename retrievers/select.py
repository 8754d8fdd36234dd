"""How much of a ranking to keep: pure functions on scores, and the steps that apply them."""

import math
from collections.abc import Sequence

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.loads import PassageLoad
from rlc.data.protocols import Encoder, Floats, Tokenizer
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.base import text_of
from rlc.retrievers.compressor import Compressor, score_of


def maximal_marginal_relevance(query: Floats, vectors: Floats, k: int, trade: float = 0.5) -> list[int]:
    """Choose up to `k` vectors that are near the query and far from each other.

    Each step takes the d with the largest trade * cos(q, d) - (1 - trade) * max over chosen c of cos(c, d); of
    equals the first. All vectors are unit; `query` is [dimension], `vectors` [documents, dimension].

    Source: Carbonell and Goldstein, SIGIR 1998, doi:10.1145/290941.291025.
    """
    relevance = trade * (vectors @ query)
    nearest = np.full(len(vectors), -np.inf, dtype=np.float32)
    chosen: list[int] = []
    while len(chosen) < min(k, len(vectors)):
        gain = relevance - (1 - trade) * nearest if chosen else relevance.copy()
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return chosen


def before_the_drop(scores: Sequence[float], drop: float, least: int = 1) -> int:
    """How many of the scores, best first, stand before the first large fall.

    Stops before score i + 1 where (s_i - s_{i+1}) > drop * (s_1 - s_n), after at least `least`; all scores stand
    where no fall is that large.

    Source: the idea of SAGE (arXiv 2503.01713), to stop by how fast relevance falls. Its abstract does not give
    the rule: measuring a fall against the whole range, which makes it free of the scores' scale, is ours.
    """
    if not scores:
        return 0
    spread = scores[0] - scores[-1]
    for i in range(max(1, least), len(scores)):
        if scores[i - 1] - scores[i] > drop * spread:
            return i
    return len(scores)


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


class Top(Compressor):
    """The first `k`."""

    k: int = Field(ge=1)

    def lets_through(self, load: PassageLoad) -> PassageLoad:
        """The first `k`."""
        return load.at_most(self.k)

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002 - the base's names
        """The first documents."""
        return list(documents[: self.k])


class TokenBudget(Compressor):
    """The longest beginning of the ranking that has at most `tokens` tokens."""

    tokens: int = Field(ge=1)
    tokenizer: Tokenizer = Field(default_factory=ApproximateTokenizer)

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002
        """The first documents, as long as they fit together."""
        totals = np.cumsum([self.tokenizer.count(document.page_content) for document in documents])
        return list(documents[: int(np.searchsorted(totals, self.tokens, side="right"))])


class ScoreDrop(Compressor):
    """The documents before the first large fall of the score (see `before_the_drop`)."""

    drop: float = Field(default=0.5, gt=0, lt=1)
    least: int = Field(default=1, ge=1)

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002
        """The documents before the fall."""
        return list(documents[: before_the_drop([score_of(d) for d in documents], self.drop, self.least)])


class Conformal(Compressor):
    """Every document whose score reaches the threshold that `conformal_threshold` found on held-out questions."""

    threshold: float

    @classmethod
    def fit(cls, scores: Sequence[float], alpha: float = 0.1) -> "Conformal":
        """Set the threshold so that evidence is kept with probability of at least 1 - alpha."""
        return cls(threshold=conformal_threshold(scores, alpha))

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002
        """The documents at or above the threshold."""
        return [document for document in documents if score_of(document) >= self.threshold]


class MaximalMarginalRelevance(Compressor):
    """Up to `k` documents, near the query and unlike each other (see `maximal_marginal_relevance`)."""

    encoder: Encoder
    k: int = Field(default=5, ge=1)
    trade: float = Field(default=0.5, ge=0, le=1)

    def lets_through(self, load: PassageLoad) -> PassageLoad:
        """`k` of them."""
        return load.at_most(self.k)

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:
        """The chosen documents, in the order in which they were chosen."""
        if not documents:
            return []
        vectors = self.encoder.encode_documents([text_of(document) for document in documents])
        chosen = maximal_marginal_relevance(
            self.encoder.encode_queries([query])[0], vectors, self.k, self.trade
        )
        return [documents[i] for i in chosen]
