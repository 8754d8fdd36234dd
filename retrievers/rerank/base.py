"""Base class of rerankers: scores for a query's passages in, the passages in their order out."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.loads import PassageLoad
from rlc.data.protocols import Floats
from rlc.retrievers.base import scored, text_of, top_k
from rlc.retrievers.support.compressor import Compressor


class Reranker(Compressor):
    """Puts passages into a better order. Subclasses say how good each is, in `scores`.

    The result is ordered by (-score, rank before), so that equals stay as they were. Each document gets the new
    `relevance_score` and `rank`, and keeps the old ones as `score_before` and `rank_before`.

    Attributes:
        top: how many to keep; None keeps all.
    """

    top: int | None = Field(default=None, ge=1)

    def lets_through(self, load: PassageLoad) -> PassageLoad:
        return load if self.top is None else load.at_most(self.top)

    @abstractmethod
    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """How well each text answers the query, higher is better; float32 [texts]."""

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:
        """The best documents, best first.

        Raises:
            ValueError: if there are not as many scores as documents.
        """
        if not documents:
            return []
        scores = self.scores(query, [text_of(document) for document in documents])
        if len(scores) != len(documents):
            raise ValueError(f"expected a score a passage, got {len(scores)} scores for {len(documents)}")
        order = top_k(scores, np.arange(len(documents)), self.top or len(documents))
        return [
            scored(documents[i], scores[i], rank, **before(documents[i], i + 1))
            for rank, i in enumerate(order.tolist(), start=1)
        ]


def before(document: Document, place: int) -> dict[str, object]:
    """What the document's rank and score were."""
    found: dict[str, object] = {"rank_before": document.metadata.get("rank", place)}
    if "relevance_score" in document.metadata:
        found["score_before"] = document.metadata["relevance_score"]
    return found
