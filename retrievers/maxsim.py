"""Late interaction: every token of the query looks for its nearest token of the passage."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from pydantic import Field

from rlc.data.protocols import Encoder, Floats
from rlc.retrievers.base import Retriever, Where, text_of, top_k
from rlc.retrievers.encoders.langchain import as_encoder
from rlc.retrievers.encoders.sentence_transformer import unit
from rlc.retrievers.index.collection import Collection

HalfFloats = NDArray[np.float16]


def maxsim(query: Floats, tokens: NDArray[Any], starts: NDArray[np.int64]) -> Floats:
    """Score passages by their tokens.

    score(q, d) = sum over query tokens i of max over passage tokens j of cos(q_i, d_j).

    Args:
        query: unit vectors [query tokens, dimension].
        tokens: unit vectors [tokens, dimension] of all passages, one after the other; no passage is empty.
        starts: where each passage begins in them, [passages].

    Returns:
        float32 [passages].

    Source: Khattab and Zaharia, ColBERT, SIGIR 2020, doi:10.1145/3397271.3401075.
    """
    nearest = np.maximum.reduceat(tokens.astype(np.float32) @ query.T, starts, axis=0)
    return np.asarray(nearest.sum(axis=1), dtype=np.float32)


def token_states(encoder: Encoder, texts: Sequence[str]) -> list[Floats]:
    """The unit token vectors of each text, [tokens, dimension]; a long text is read in windows.

    A text without any token gets one vector of zeros, so that it scores 0 and not worse.
    """
    pieces = [piece for text in texts for piece in fitting(encoder, text)]
    states = iter(encoder.encode_tokens(pieces))
    found = []
    for text in texts:
        vectors = np.concatenate([next(states).vectors for _ in fitting(encoder, text)])
        found.append(unit(vectors) if len(vectors) else np.zeros((1, encoder.dimension), np.float32))
    return found


def fitting(encoder: Encoder, text: str) -> list[str]:
    """The text in slices that fit the encoder's window, cut between tokens."""
    offsets = encoder.tokenizer.offsets(text)
    # Special tokens, the prompt and pieces of a word that the cut divides need some of the window.
    room = max(1, int(0.9 * encoder.window) - 8)
    if len(offsets) <= room:
        return [text]
    cuts = [0, *(offsets[i][0] for i in range(room, len(offsets), room)), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


class MaxSimRetriever(Retriever):
    """Ranks passages by late interaction over the token states of an ordinary encoder, every passage compared.

    Attributes:
        tokens: float16 [tokens, dimension], all passages' unit token vectors, 2 bytes a number: about 400 kB for
            512 tokens of 384 dimensions, so this is for one document or a few.
        starts: int64 [passages], where each passage's begin.
    """

    collection: Collection = Field(repr=False)
    encoder: Encoder
    tokens: HalfFloats = Field(repr=False)
    starts: NDArray[np.int64] = Field(repr=False)

    @classmethod
    def from_documents(
        cls, documents: Sequence[Document], *, encoder: Encoder | Embeddings, k: int = 5
    ) -> Self:
        """Embed every token of the documents.

        Raises:
            DataError: if there is no document.
            UnsupportedError: if the encoder gives no token embeddings.
        """
        encoder = as_encoder(encoder)
        collection = Collection.of(documents)
        states = token_states(encoder, [text_of(document) for document in documents])
        starts = np.cumsum([0, *(len(vectors) for vectors in states[:-1])])
        tokens = np.concatenate(states).astype(np.float16)
        return cls(collection=collection, encoder=encoder, tokens=tokens, starts=starts, k=k)

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        wanted = self._wanted(k)
        kept = np.arange(len(self.collection)) if where is None else self.collection.rows(where)
        results = []
        for query in token_states(self.encoder, queries):
            scores = maxsim(query, self.tokens, self.starts)
            best = kept[top_k(scores[kept], self.collection.ties[kept], wanted)]
            results.append(self.collection.take(best, scores[best]))
        return results
