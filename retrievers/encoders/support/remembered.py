"""An encoder whose vectors come from a memory, where they are there."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rlc.data.memory import Memory
from rlc.data.protocols import Encoder, Floats, SparseEncoder, SparseVector, TokenEmbeddings

STAGE = "vectors"


class RememberedEncoder:
    """Another encoder; every text is embedded once, in each of its roles.

    Token embeddings are passed through: they are hundreds of times as large.

    Args:
        encoder: embeds what is not remembered.
        memory: holds vectors by key.
        identity: stands for model, revision and settings.
    """

    def __init__(self, encoder: Encoder, memory: Memory, identity: str) -> None:
        self._encoder, self._memory, self._identity = encoder, memory, identity
        self.name, self.window, self.pooling = encoder.name, encoder.window, encoder.pooling
        self.dimension, self.tokenizer = encoder.dimension, encoder.tokenizer

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension]."""
        return self._recall("document", texts, self._encoder.encode_documents)

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension], with the query prompt."""
        return self._recall("query", texts, self._encoder.encode_queries)

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """Token states, computed anew."""
        return self._encoder.encode_tokens(texts)

    def _recall(self, role: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Floats]) -> Floats:
        vectors = recall(self._memory, self._identity, role, texts, encode)
        return np.stack(vectors) if vectors else np.zeros((0, self.dimension), np.float32)


class RememberedSparseEncoder:
    """`RememberedEncoder`, for a sparse encoder."""

    def __init__(self, encoder: SparseEncoder, memory: Memory, identity: str) -> None:
        self._encoder, self._memory, self._identity = encoder, memory, identity
        self.name, self.dimension = encoder.name, encoder.dimension

    def weigh_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """The terms of each text."""
        return recall(self._memory, self._identity, "document", texts, self._encoder.weigh_documents)

    def weigh_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """The terms of each text, as the model weighs those of queries."""
        return recall(self._memory, self._identity, "query", texts, self._encoder.weigh_queries)


def recall(
    memory: Memory, identity: str, role: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Any]
) -> list[Any]:
    """The vector of each text in this role; `encode` makes those that are not remembered."""
    keys = [vector_key(identity, role, text) for text in texts]
    vectors = memory.recall_all(
        STAGE, dict(zip(keys, texts, strict=True)), lambda missing: list(encode(missing))
    )
    return [vectors[key] for key in keys]


def vector_key(identity: str, role: str, text: str) -> bytes:
    """A digest (16 bytes) of encoder, role and text; lengths keep the parts apart, so that no two triples meet."""
    parts = (identity.encode(), role.encode(), text.encode())
    whole = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hashlib.blake2b(whole, digest_size=16).digest()
