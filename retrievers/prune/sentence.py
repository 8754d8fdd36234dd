"""Pruning by similarity: each sentence's embedding against the question's."""

from collections.abc import Sequence

import numpy as np
from pydantic import field_validator

from rlc.data.protocols import Encoder
from rlc.retrievers.encoders.langchain import as_encoder
from rlc.retrievers.prune.base import Asked, Judged, SentencePruner, Share
from rlc.retrievers.prune.support.units import Unit


class SimilarityPruner(SentencePruner):
    """Keeps the sentences that lie near the question.

    worth(s) = max(0, cos(question, s)), each sentence embedded by itself. What threshold keeps the answer depends on the
    encoder: take it from `rlc.experiments.research.prune_quality`, or remove a `ratio`.

    Attributes:
        encoder: what embeds.
    """

    encoder: Encoder
    _taken = field_validator("encoder", mode="before")(as_encoder)
    threshold: Share = 0.1

    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """Cosines, all sentences of all questions in one call of the encoder."""
        texts = [
            document.page_content[unit.start : unit.end]
            for one, passages in zip(asked, cut, strict=True)
            for document, passage in zip(one.documents, passages, strict=True)
            for unit in passage
        ]
        if not texts:
            return [[Judged((), np.zeros(0, np.float32)) for _ in passages] for passages in cut]
        queries = self.encoder.encode_queries([one.query for one in asked])
        sentences = self.encoder.encode_documents(texts)
        judged: list[list[Judged]] = []
        first = 0
        for query, passages in zip(queries, cut, strict=True):
            judged.append([])
            for passage in passages:
                worth = np.maximum(sentences[first : first + len(passage)] @ query, 0).astype(np.float32)
                judged[-1].append(Judged(passage, np.minimum(worth, 1)))
                first += len(passage)
        return judged
