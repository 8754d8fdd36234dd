import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from rlc.data.errors import DataError, UnsupportedError
from rlc.data.protocols import Encoder
from rlc.retrievers.encoders.langchain import LangChainEncoder


class Fixed(Embeddings):
    """Not unit vectors, so that normalising shows."""

    def embed_documents(self, texts):
        return [[3.0, 4.0] for _ in texts]

    def embed_query(self, text):
        return [0.0, 2.0]


def test_vectors_are_unit():
    encoder = LangChainEncoder(Fixed(), window=10)
    assert isinstance(encoder, Encoder)
    np.testing.assert_allclose(encoder.encode_documents(["a", "b"]), [[0.6, 0.8]] * 2, rtol=1e-6)
    np.testing.assert_allclose(encoder.encode_queries(["a"]), [[0.0, 1.0]])
    assert encoder.dimension == 2
    assert encoder.encode_documents([]).shape == (0, 2)


def test_named_by_a_string():
    encoder = LangChainEncoder(
        "langchain_core.embeddings:DeterministicFakeEmbedding", window=10, settings={"size": 8}
    )
    assert encoder.dimension == 8
    assert encoder.name == "DeterministicFakeEmbedding({'size': 8})"
    expected = DeterministicFakeEmbedding(size=8).embed_query("a")
    np.testing.assert_allclose(
        encoder.encode_queries(["a"])[0], expected / np.linalg.norm(expected), rtol=1e-5
    )


def test_bad_input():
    encoder = LangChainEncoder(Fixed(), window=3)
    with pytest.raises(DataError, match=r"text 1 has 4 tokens \(approximate\), more than the window of 3"):
        encoder.encode_documents(["a b c", "one two three four"])
    with pytest.raises(UnsupportedError, match="one vector a text"):
        encoder.encode_tokens(["a"])
    with pytest.raises(TypeError, match="expected a langchain-core Embeddings, got dict"):
        LangChainEncoder("builtins:dict", window=3)
