import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.retrievers.dense import DenseRetriever, build_candidates, nearest, recall
from rlc.retrievers.encoders.sentence_transformer import unit

KINDS = ["flat", "hnsw", "ivf", "sq8"]


def with_vectors(vectors, **metadata):
    return [
        Document(id=f"d{i}", page_content="x", metadata={"embedding": np.array(v, np.float32), **metadata})
        for i, v in enumerate(vectors)
    ]


@pytest.mark.parametrize("index", KINDS)
def test_nearest_words_first(documents, words, index):
    retriever = DenseRetriever.from_documents(documents, encoder=words, index=index, k=2)
    found = retriever.invoke("net income")
    assert found[0].id == "d2"
    assert found[0].metadata["relevance_score"] == pytest.approx(2 / (2**0.5 * 3**0.5), abs=1e-6)
    assert [document.metadata["rank"] for document in found] == [1, 2]


def test_by_hand():
    ties = np.array([1, 0, 2])
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    ((rows, scores),) = nearest(np.array([[0.6, 0.8]], np.float32), vectors, ties, 2)
    assert rows.tolist() == [2, 1]
    np.testing.assert_allclose(scores, [0.8, 0.6], rtol=1e-6)


def test_equal_vectors_come_in_the_order_of_their_ids_even_at_the_cut():
    vectors = unit(np.ones((100, 8), np.float32))
    ties = np.random.default_rng(0).permutation(100)
    ((rows, _),) = nearest(vectors[:1], vectors, ties, 5)
    assert ties[rows].tolist() == [0, 1, 2, 3, 4]


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 10_000))
def test_flat_is_the_exact_order(count, k, seed):
    generator = np.random.default_rng(seed)
    vectors = unit(generator.integers(-2, 3, (count, 4)).astype(np.float32))
    queries = unit(generator.normal(size=(3, 4)).astype(np.float32))
    ties = generator.permutation(count)
    for query, (rows, scores) in zip(queries, nearest(queries, vectors, ties, k), strict=True):
        exact = np.einsum("d,kd->k", query, vectors)
        assert len(rows) == min(k, count)
        np.testing.assert_allclose(scores, np.sort(exact)[::-1][:k], atol=1e-6)
        assert len(set(rows.tolist())) == len(rows)


@pytest.mark.parametrize("index", KINDS[1:])
def test_approximate_indexes_mostly_agree_with_flat(index):
    generator = np.random.default_rng(0)
    vectors = unit(generator.normal(size=(2000, 16)).astype(np.float32))
    queries, ties = vectors[:50], np.arange(2000)
    exact = nearest(queries, vectors, ties, 10)
    found = nearest(queries, vectors, ties, 10, build_candidates(vectors, index))
    recall = np.mean([len(np.intersect1d(a, b)) / 10 for (a, _), (b, _) in zip(exact, found, strict=True)])
    assert recall > 0.8


def found_of(*scores):
    return [(np.arange(len(one)), np.array(one, np.float32)) for one in scores]


def test_recall_by_hand():
    """Of 3 and 2 nearest, 2 and 1 were found; an unlike document that scores as the last one does is as good."""
    exact = found_of([0.9, 0.8, 0.7], [0.5, 0.4])
    assert recall(exact, found_of([0.9, 0.7, 0.6], [0.5, 0.3])) == pytest.approx(3 / 5)
    assert recall(exact, exact) == 1


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
@pytest.mark.parametrize("dimension", [4, 48])
def test_search_is_as_wide_as_the_vectors_need(index, dimension):
    """Vectors without any order need a wide search, those that lie in few dimensions a narrow one."""
    generator = np.random.default_rng(0)
    vectors, queries = (unit(generator.normal(size=(n, dimension)).astype(np.float32)) for n in (6000, 100))
    built = build_candidates(vectors, index)
    width, most = (built.nprobe, built.nlist) if index == "ivf" else (built.hnsw.efSearch, 1024)
    assert (width == 16) == (dimension == 4)
    assert width < most
    ties = np.arange(len(vectors))
    exact = nearest(queries, vectors, ties, 10)
    assert recall(exact, nearest(queries, vectors, ties, 10, built)) > 0.93


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
def test_copies_of_one_vector_need_no_wide_search(index):
    built = build_candidates(np.ones((1000, 4), np.float32) / 2, index)
    assert (built.nprobe if index == "ivf" else built.hnsw.efSearch) == 16


@pytest.mark.parametrize("index", KINDS)
def test_where_equal_vectors_straddle_the_cut_every_vector_is_compared(index):
    """A hundred copies of one boilerplate among others: the ten of the first ids, in any index."""
    vectors = unit(np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32))
    vectors[200:300] = vectors[200]
    ties = np.arange(500)[::-1].copy()
    asked = vectors[[200, 7]]
    (boilerplate, _), (other, _) = nearest(asked, vectors, ties, 10, build_candidates(vectors, index))
    assert boilerplate.tolist() == list(range(299, 289, -1))
    assert other[0] == 7


@pytest.mark.parametrize("index", KINDS[1:])
def test_an_index_is_the_same_again_and_smaller_than_its_vectors(index):
    faiss = pytest.importorskip("faiss")
    vectors = unit(np.random.default_rng(0).normal(size=(2000, 128)).astype(np.float32))
    once, again = (faiss.serialize_index(build_candidates(vectors, index)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.nbytes < vectors.nbytes


@pytest.mark.parametrize("kept", [[3, 4, 5, 6], [1, 4, 9]])
def test_a_filter_on_one_stretch_or_on_scattered_documents_is_the_order_of_those_alone(kept, words):
    vectors = unit(np.random.default_rng(0).normal(size=(12, 64)).astype(np.float32))
    documents = with_vectors(vectors)
    for row in kept:
        documents[row].metadata["part"] = "kept"
    words.encode_queries = lambda texts: vectors[:1]
    found = DenseRetriever.from_documents(documents, encoder=words, k=3).invoke("x", where={"part": "kept"})
    order = sorted(kept, key=lambda row: -float(vectors[0] @ vectors[row]))[:3]
    assert [document.id for document in found] == [f"d{row}" for row in order]


def test_vectors_made_elsewhere_are_taken_as_they_are(words):
    vectors = np.eye(64)[:3]
    documents = with_vectors(vectors, embedding_model="words")
    retriever = DenseRetriever.from_documents(documents, encoder=words)
    assert words.seen == []
    np.testing.assert_array_equal(retriever.vectors, vectors)
    found = retriever.invoke("cat")
    assert "embedding" not in found[0].metadata
    assert "embedding" in documents[0].metadata


def test_filter_is_exact(documents, words):
    retriever = DenseRetriever.from_documents(documents, encoder=words, index="hnsw")
    found = retriever.invoke("the cat", where={"source": "report"})
    assert [document.id for document in found] == ["d2"]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "expected at least one document"),
        (with_vectors([[np.nan] * 64]), "'d0' holds NaN"),
        (with_vectors([[1.0] * 3]), r"expected vectors of shape \(1, 64\)"),
        (with_vectors([[1.0] * 64], embedding_model="other"), "cannot be searched with 'words'"),
        ([*with_vectors([[1.0] * 64]), Document("x")], "1 of 2 documents bring an embedding"),
    ],
)
def test_bad_documents(documents, message, words):
    with pytest.raises(DataError, match=message):
        DenseRetriever.from_documents(documents, encoder=words)


def test_no_queries(documents, words):
    assert DenseRetriever.from_documents(documents, encoder=words).search([]) == []


def test_a_query_that_becomes_nan_is_refused(documents, words):
    words.encode_queries = lambda texts: np.full((len(texts), 64), np.nan, np.float32)
    with pytest.raises(DataError, match="'cat' holds NaN"):
        DenseRetriever.from_documents(documents, encoder=words).invoke("cat")


def test_a_filter_on_lists_says_so(documents, words):
    listed = [Document(d.page_content, id=d.id, metadata={"tags": ["a"]}) for d in documents]
    with pytest.raises(DataError, match="no document has a plain value in the metadata field 'tags'"):
        DenseRetriever.from_documents(listed, encoder=words).invoke("cat", where={"tags": "a"})
