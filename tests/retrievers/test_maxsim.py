import numpy as np
import pytest

from rlc.data.errors import DataError
from rlc.retrievers.maxsim import MaxSimRetriever, fitting, token_states
from rlc.retrievers.rerank.maxsim import MaxSimReranker
from rlc.retrievers.support.late_interaction import maxsim


def test_by_hand():
    query = np.array([[1, 0], [0, 1]], np.float32)
    tokens = np.array([[1, 0], [0.6, 0.8], [0.6, 0.8]], np.float32)
    np.testing.assert_allclose(maxsim(query, tokens, np.array([0, 2])), [1.8, 1.4], rtol=1e-6)


def test_a_passage_that_holds_every_word_of_the_query_comes_first(documents, words):
    found = MaxSimRetriever.from_documents(documents, encoder=words, k=4).invoke("bird sings")
    assert found[0].id == "d3"
    assert found[0].metadata["relevance_score"] == pytest.approx(2, abs=1e-3)


def test_reranker_agrees_with_the_retriever(documents, words):
    retriever = MaxSimRetriever.from_documents(documents, encoder=words, k=4)
    reranked = MaxSimReranker(encoder=words, top=4).refine(documents, "the dog sat")
    assert [d.id for d in reranked] == [d.id for d in retriever.invoke("the dog sat")]


def test_a_real_model_reads_long_texts_in_windows_and_empty_ones_as_nothing(tiny):
    long = " ".join(["one two three four five six seven eight"] * 10)
    assert "".join(fitting(tiny, long)) == long
    states = token_states(tiny, ["the cat", long, ""])
    assert [len(vectors) for vectors in states] == [2, 80, 1]
    assert not states[2].any()
    np.testing.assert_allclose(np.linalg.norm(states[1], axis=1), 1, atol=1e-5)


def test_filter_and_bad_input(documents, words):
    retriever = MaxSimRetriever.from_documents(documents, encoder=words)
    assert [d.id for d in retriever.invoke("cat", where={"source": "report"})] == ["d2"]
    with pytest.raises(DataError, match="at least one document"):
        MaxSimRetriever.from_documents([], encoder=words)
