"""Late interaction: every vector of the query looks for its nearest vector of the passage."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray
from pydantic import Field

from rlc.data.protocols import Floats
from rlc.retrievers.base import Retriever, Where, top_k
from rlc.retrievers.index.collection import Collection

HalfFloats = NDArray[np.float16]


def maxsim(query: Floats, tokens: NDArray[Any], starts: NDArray[np.int64]) -> Floats:
    """Score passages by their tokens.

    score(q, d) = sum over query tokens i of max over passage tokens j of q_i · d_j, a cosine of unit vectors.

    Args:
        query: vectors [query tokens, dimension].
        tokens: vectors [tokens, dimension] of all passages, one after the other; no passage is empty.
        starts: where each passage begins in them, [passages].

    Returns:
        float32 [passages].

    Source: Khattab and Zaharia, ColBERT, SIGIR 2020, doi:10.1145/3397271.3401075.
    """
    nearest = np.maximum.reduceat(tokens.astype(np.float32) @ query.T, starts, axis=0)
    return np.asarray(nearest.sum(axis=1), dtype=np.float32)


def one_after_the_other(vectors: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64]]:
    """All passages' vectors [tokens, dimension], and where each passage begins in them, [passages]."""
    starts = np.cumsum([0, *map(len, vectors[:-1])])
    return np.concatenate(vectors), starts


class LateInteractionRetriever(Retriever):
    """Ranks passages by `maxsim`, every passage compared. Subclasses embed queries, in `query_vectors`.

    Attributes:
        tokens: float16 [tokens, dimension], all passages' vectors, 2 bytes a number: about 400 kB for 512 tokens of
            384 dimensions, so this is for one document or a few.
        starts: int64 [passages], where each passage's begin.
    """

    collection: Collection = Field(repr=False)
    tokens: HalfFloats = Field(repr=False)
    starts: NDArray[np.int64] = Field(repr=False)

    @abstractmethod
    def query_vectors(self, queries: Sequence[str]) -> Sequence[Floats]:
        """The vectors [tokens, dimension] of each query."""

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        wanted = self._wanted(k)
        kept = np.arange(len(self.collection)) if where is None else self.collection.rows(where)
        results = []
        for query in self.query_vectors(queries):
            scores = maxsim(query, self.tokens, self.starts)
            best = kept[top_k(scores[kept], self.collection.ties[kept], wanted)]
            results.append(self.collection.take(best, scores[best]))
        return results
