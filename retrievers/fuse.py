"""Fusion: several rankings of the same documents become one."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, model_validator

from rlc.data.errors import UnsupportedError
from rlc.retrievers.base import Retriever, RetrieverFactory, Where, id_of, scored, search
from rlc.retrievers.compressor import score_of
from rlc.retrievers.fuse_batch import Rows, reciprocal_rank_fusion_batch, weighted_score_fusion_batch
from rlc.retrievers.fuse_scores import Scores, checked_weights

Fusion = Literal["rrf", "min-max", "z", "dbsf"]
Ranking = dict[str, Document]
"""What one retriever found for one query: documents by id, best first."""


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


class HybridRetriever(Retriever):
    """Asks several retrievers and fuses their rankings, with the components' ranks and scores kept.

    A fused document carries `rank_<name>` and `score_<name>` for every retriever that found it, the name being
    the class's without "Retriever" (`bm25`, `dense`; a second one of the same name is `dense_2`).

    Attributes:
        retrievers: any langchain retrievers; those that are not rlc's should take `k` in `invoke`.
        weights: one a retriever; None weighs all alike.
        depth: how many documents each retriever is asked for (at least `k` are).
        fusion: the norm of a weighted sum of scores, `min-max`, `z` or `dbsf` (see `fuse_scores`; every retriever
            must give a `relevance_score`), or `rrf`, which needs ranks alone. On LaRA's location questions (237,
            chunks of 600 tokens, BM25 and MiniLM) recall@5 was 0.928 with `min-max`, 0.895 with `rrf`, and 0.932
            for BM25 alone: ranks hide by how much the words fit better, which is what tells figures apart.
        rrf_k: the constant of reciprocal rank fusion.
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
    def from_documents(
        cls,
        documents: Sequence[Document],
        *,
        members: Sequence[RetrieverFactory],
        k: int = 5,
        depth: int = 50,
        weights: Sequence[float] | None = None,
        fusion: Fusion = "min-max",
        rrf_k: int = 60,
    ) -> Self:
        """Let every member index the documents.

        Args:
            documents: at least one.
            members: functions from documents to a retriever, such as `BM25Retriever.from_documents` or a
                `functools.partial` of one with its settings.
            k: how many documents a query gets.
            depth: how many documents each member is asked for.
            weights: one a member; None weighs all alike.
            fusion: `rrf`, `min-max`, `z` or `dbsf`.
            rrf_k: the constant of reciprocal rank fusion; 60 in the paper.
        """
        retrievers = [member(documents) for member in members]
        return cls(retrievers=retrievers, weights=weights, k=k, depth=depth, fusion=fusion, rrf_k=rrf_k)

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The fused ranking of each query."""
        wanted = self._wanted(k)
        depth = max(self.depth, wanted)
        found = [
            [by_id(documents) for documents in search(retriever, queries, depth, where)]
            for retriever in self.retrievers
        ]
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
