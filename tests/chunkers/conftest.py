"""A small encoder that can be followed by hand."""

import hashlib

import numpy as np
import pytest

from rlc.data.protocols import TokenEmbeddings
from rlc.data.tokens import ApproximateTokenizer


class ToyEncoder:
    """Each token has a fixed vector of its own letters; its state adds the mean of what the model has read."""

    name = "toy"
    dimension = 8
    pooling = "mean"

    def __init__(self, window=34):
        self.window = window
        self.tokenizer = ApproximateTokenizer()
        self.embedded = []

    def encode_tokens(self, texts):
        return [self._states(text) for text in texts]

    def encode_documents(self, texts):
        self.embedded += texts
        means = np.stack([self._states(text).vectors.sum(axis=0) for text in texts])
        return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)

    encode_queries = encode_documents

    def _states(self, text):
        offsets = np.array(self.tokenizer.offsets(text), dtype=np.int64).reshape(-1, 2)
        vectors = np.array([self._vector(text[a:b]) for a, b in offsets], dtype=np.float32)
        vectors = vectors.reshape(-1, self.dimension)
        return TokenEmbeddings(vectors + vectors.mean(axis=0) if len(vectors) else vectors, offsets)

    def _vector(self, token):
        digest = hashlib.blake2b(token.lower().encode(), digest_size=self.dimension).digest()
        return np.frombuffer(digest, dtype=np.int8).astype(np.float32) / 128


@pytest.fixture
def encoder():
    return ToyEncoder()
