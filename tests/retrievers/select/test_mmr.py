import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.select.mmr import MaximalMarginalRelevance


class Vectors:
    """Encodes a number as its vector, and any query as the first axis."""

    name, window, pooling, tokenizer = "vectors", 100, "mean", ApproximateTokenizer()

    def __init__(self, vectors):
        self.vectors = np.asarray(vectors, np.float32)
        self.dimension = self.vectors.shape[-1]

    def encode_documents(self, texts):
        return self.vectors[[int(text) for text in texts]]

    def encode_queries(self, queries):
        return np.eye(len(queries), self.vectors.shape[1], dtype=np.float32)

    def encode_tokens(self, texts):
        raise NotImplementedError


def chosen(vectors, k, trade=0.5):
    documents = [Document(str(i), id=f"d{i}") for i in range(len(vectors))]
    step = MaximalMarginalRelevance(encoder=Vectors(vectors), k=k, trade=trade)
    return [int(document.page_content) for document in step.refine(documents, "q")]


def test_mmr_by_hand():
    """The second vector repeats the first, so with variety weighed the third comes before it."""
    vectors = [[0.96, 0.28], [0.95, 0.3122499], [0.8, -0.6]]
    assert chosen(vectors, 3, trade=0.5) == [0, 2, 1]
    assert chosen(vectors, 3, trade=1.0) == [0, 1, 2]


@given(st.integers(0, 8), st.integers(1, 10), st.integers(0, 100))
def test_mmr_chooses_different_ones(count, k, seed):
    places = chosen(np.random.default_rng(seed).normal(size=(count, 3)), k)
    assert len(set(places)) == len(places) == min(k, count)


@pytest.mark.parametrize("trade", [0.0, 0.5, 1.0])
def test_of_equals_the_better_ranked_comes_first(trade):
    assert chosen([[1, 0], [0, 1], [1, 0], [0, 1]], 4, trade)[0] == 0
    assert chosen([[0.6, 0.8]] * 4, 4, trade) == [0, 1, 2, 3]


def test_a_query_near_nothing_keeps_the_ranking():
    assert chosen([[0, 1], [0, 1]], 2) == [0, 1]
