"""Late interaction over the token states of an ordinary encoder."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from rlc.data.protocols import Encoder, Floats
from rlc.retrievers.base import text_of
from rlc.retrievers.encoders.langchain import as_encoder
from rlc.retrievers.encoders.sentence_transformer import unit
from rlc.retrievers.index.collection import Collection
from rlc.retrievers.support.late_interaction import LateInteractionRetriever, one_after_the_other


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


class MaxSimRetriever(LateInteractionRetriever):
    """Ranks passages by late interaction over the token states of an ordinary encoder, every passage compared."""

    encoder: Encoder

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
        tokens, starts = one_after_the_other(states)
        return cls(
            collection=collection, encoder=encoder, tokens=tokens.astype(np.float16), starts=starts, k=k
        )

    def query_vectors(self, queries: Sequence[str]) -> list[Floats]:
        return token_states(self.encoder, queries)
