"""Hybrid retrieval: several retrievers' rankings of the same documents fused into one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, model_validator

from rlc.data.errors import UnsupportedError
from rlc.retrievers.base import RetrieverFactory, Where, asearch, id_of, scored, search
from rlc.retrievers.fuse.batch import Rows, reciprocal_rank_fusion_batch, weighted_score_fusion_batch
from rlc.retrievers.fuse.scores import Scores, checked_weights
from rlc.retrievers.support.compressor import score_of
from rlc.retrievers.support.nested import NestedRetriever

Fusion = Literal["rrf", "min-max", "z", "dbsf"]
Ranking = dict[str, Document]
"""What one retriever found for one query: documents by id, best first."""


class HybridRetriever(NestedRetriever):
    """Asks several retrievers and fuses their rankings, with the components' ranks and scores kept.

    A fused document carries `rank_<name>` and `score_<name>` for every retriever that found it, the name being
    the class's without "Retriever" (`bm25`, `dense`; a second one of the same name is `dense_2`).

    Attributes:
        retrievers: any langchain retrievers; those that are not rlc's should take `k` in `invoke`.
        weights: one a retriever; None weighs all alike.
        depth: how many documents each retriever is asked for (at least `k` are).
        fusion: the norm of a weighted sum of scores, `min-max`, `z` or `dbsf` (see `rlc.retrievers.fuse.scores`; every retriever
            must give a `relevance_score`), or `rrf`, which needs ranks alone. On LaRA's location questions (237,
            chunks of 600 tokens, BM25 and MiniLM) recall@5 was 0.928 with `min-max`, 0.895 with `rrf`, and 0.932
            for BM25 alone: ranks hide by how much the words fit better, which is what tells figures apart.
        rrf_k: the constant of reciprocal rank fusion; 60 in the paper.
    """

    retrievers: Sequence[BaseRetriever] = Field(min_length=1)
    weights: Sequence[float] | None = None
    depth: int = Field(default=50, ge=1)
    fusion: Fusion = "min-max"
    rrf_k: int = Field(default=60, ge=0)

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        checked_weights(self.weights, len(self.retrievers))
        return self

    @classmethod
    def hold(cls, documents: Sequence[Document], *, members: Sequence[RetrieverFactory]) -> dict[str, Any]:  # type: ignore[override]  # several, under another name
        """Let every member index the documents.

        Args:
            documents: at least one.
            members: functions from documents to a retriever, such as `BM25Retriever.from_documents` or a
                `functools.partial` of one with its settings.
        """
        return {"retrievers": [member(documents) for member in members]}

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        depth = max(self.depth, self._wanted(k))
        found = [search(retriever, queries, depth, where) for retriever in self.retrievers]
        return self._fused(found, self._wanted(k))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        """Await every member's own search, all at once."""
        depth = max(self.depth, self._wanted(k))
        asked = (asearch(retriever, query, depth, where, run_manager) for retriever in self.retrievers)
        found = [[documents] for documents in await asyncio.gather(*asked)]
        return self._fused(found, self._wanted(k))[0]

    def _fused(self, lists_of: Sequence[Sequence[Sequence[Document]]], wanted: int) -> list[list[Document]]:
        """One ranking a query out of what every retriever found for it; [retrievers][queries][documents]."""
        found = [[by_id(documents) for documents in lists] for lists in lists_of]
        known = sorted({id_ for lists in found for ranking in lists for id_ in ranking})
        fused, scores = self._fuse(found, known)
        return [
            [
                self._document(known[number], score, rank, [lists[query] for lists in found])
                for rank, (number, score) in enumerate(zip(numbers, values, strict=True), start=1)
                if number >= 0
            ]
            for query, (numbers, values) in enumerate(
                zip(fused[:, :wanted].tolist(), scores[:, :wanted].tolist(), strict=True)
            )
        ]

    def _fuse(self, found: Sequence[Sequence[Ranking]], known: Sequence[str]) -> tuple[Rows, Scores]:
        """Every query's fused ranking, documents by their place in `known`."""
        numbers = {id_: i for i, id_ in enumerate(known)}
        rankings = [
            padded([[numbers[id_] for id_ in ranking] for ranking in lists], -1).astype(np.int64)
            for lists in found
        ]
        if self.fusion == "rrf":
            return reciprocal_rank_fusion_batch(rankings, self.rrf_k, self.weights)
        for name, lists in zip(self._names(), found, strict=True):
            if any("relevance_score" not in d.metadata for ranking in lists for d in ranking.values()):
                raise UnsupportedError(
                    f"the {name} retriever gives no relevance_score to fuse by: set fusion='rrf', which needs ranks alone"
                )
        scores = [
            padded([[score_of(document) for document in ranking.values()] for ranking in lists], 0)
            for lists in found
        ]
        return weighted_score_fusion_batch(rankings, scores, self.weights, self.fusion)

    def _document(self, id_: str, score: float, rank: int, lists: Sequence[Ranking]) -> Document:
        """The document with its fused score, and what each retriever that found it said of it."""
        found = {name: ranking for name, ranking in zip(self._names(), lists, strict=True) if id_ in ranking}
        components: dict[str, object] = {}
        for name, ranking in found.items():
            components[f"rank_{name}"] = list(ranking).index(id_) + 1
            if "relevance_score" in ranking[id_].metadata:
                components[f"score_{name}"] = ranking[id_].metadata["relevance_score"]
        return scored(next(iter(found.values()))[id_], score, rank, **components)

    def _names(self) -> list[str]:
        seen: Counter[str] = Counter()
        names = []
        for retriever in self.retrievers:
            name = type(retriever).__name__.removesuffix("Retriever").lower()
            seen[name] += 1
            names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
        return names


def by_id(documents: Sequence[Document]) -> Ranking:
    """The documents by id, best first; of one that the list names twice the first stays."""
    kept: Ranking = {}
    for document in documents:
        kept.setdefault(id_of(document), document)
    return kept


def padded(rows: Sequence[Sequence[float]], filler: float) -> Scores:
    """Lists of unequal length as one array, filled up behind."""
    table = np.full((len(rows), max(map(len, rows), default=0)), filler, dtype=np.float64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table
