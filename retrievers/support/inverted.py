"""Retrieval by an inverted index: documents ranked by the terms that they share with a query."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from langchain_core.documents import Document
from pydantic import Field

from rlc.retrievers.base import Retriever, Where, top_k
from rlc.retrievers.index.collection import Collection
from rlc.retrievers.index.postings import Postings


class QueryTerms(NamedTuple):
    """The terms of a query, as the index numbers them, and a positive weight each; None weighs every mention alike."""

    terms: Sequence[int]
    weights: Sequence[float] | None = None


class InvertedRetriever(Retriever):
    """Ranks documents by the weighted sum of their impacts for a query's terms. Subclasses make the terms, in `query_terms`.

    Documents that share no term with the query are not returned.
    """

    collection: Collection = Field(repr=False)
    postings: Postings = Field(repr=False)

    @abstractmethod
    def query_terms(self, queries: Sequence[str]) -> Iterable[QueryTerms]:
        """The terms of each query that the index knows."""

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The best documents that share a term with the query; `where` keeps only some documents."""
        return self.rank(self.query_terms(queries), k, where)

    def rank(
        self, queries: Iterable[QueryTerms], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """`search`, for terms that are at hand."""
        wanted = self._wanted(k)
        kept = None if where is None else self.collection.rows(where)
        ties = self.collection.ties if kept is None else self.collection.ties[kept]
        results = []
        for terms, weights in queries:
            scores = self.postings.scores(terms, weights)
            if kept is None:
                best = top_k(scores, ties, wanted, self.postings.nothing)
            else:
                best = kept[top_k(scores[kept], ties, wanted, self.postings.nothing)]
            results.append(self.collection.take(best, scores[best]))
        return results
