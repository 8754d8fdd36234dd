import asyncio
from functools import partial

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore

from rlc.data.errors import UnsupportedError
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.dense import DenseRetriever
from rlc.retrievers.fuse.scores import NORMS
from rlc.retrievers.hybrid import HybridRetriever


@pytest.fixture
def hybrid(documents, words):
    members = [BM25Retriever.from_documents, partial(DenseRetriever.from_documents, encoder=words)]
    return HybridRetriever.from_documents(documents, members=members, k=3, fusion="rrf")


def test_every_setting_reaches_the_retriever(documents):
    members = [BM25Retriever.from_documents] * 2
    settings = {"k": 2, "depth": 7, "weights": [1.0, 2.0], "fusion": "rrf", "rrf_k": 3}
    made = HybridRetriever.from_documents(documents, members=members, **settings)
    assert {name: getattr(made, name) for name in settings} == settings
    plain, bare = (
        HybridRetriever.from_documents(documents, members=members),
        HybridRetriever(retrievers=made.retrievers),
    )
    assert all(getattr(plain, name) == getattr(bare, name) for name in settings)


def test_k_and_weights_by_hand(documents):
    """The same ranking twice, its weights adding up to 1: what stands at rank r has 1 / r."""
    bm25 = BM25Retriever.from_documents(documents)
    hybrid = HybridRetriever(retrievers=[bm25, bm25], fusion="rrf", rrf_k=0, weights=[0.25, 0.75], k=2)
    found = hybrid.invoke("the cat and the net income")
    assert [(d.metadata["relevance_score"], d.metadata["rank"]) for d in found] == [(1.0, 1), (0.5, 2)]
    assert [d.metadata["rank_bm25_2"] for d in found] == [1, 2]


@pytest.mark.parametrize("fusion", ["min-max", "z", "dbsf"])
def test_scores_weigh_as_the_formula_says(documents, words, plain_score_fusion, fusion):
    members = [
        BM25Retriever.from_documents(documents),
        DenseRetriever.from_documents(documents, encoder=words),
    ]
    hybrid = HybridRetriever(retrievers=members, weights=[0.25, 0.75], fusion=fusion, depth=3)
    lists = [
        [(d.id, d.metadata["relevance_score"]) for d in member.invoke("the cat and net income", k=3)]
        for member in members
    ]
    found = hybrid.invoke("the cat and net income", k=2)
    assert [(d.id, d.metadata["relevance_score"]) for d in found] == [
        (id_, pytest.approx(score)) for id_, score in plain_score_fusion(lists, [0.25, 0.75], fusion)[:2]
    ]
    assert found[0].metadata["score_dense"] == dict(lists[1])[found[0].id]
    assert hybrid.search([]) == []


def test_components_are_kept(hybrid):
    first = hybrid.invoke("net income")[0]
    assert first.id == "d2"
    assert first.metadata["rank_bm25"] == first.metadata["rank_dense"] == 1
    assert first.metadata["relevance_score"] == pytest.approx(2 / 61)
    assert {"score_bm25", "score_dense", "source"} <= set(first.metadata)


def test_a_document_that_only_one_found_says_so(hybrid):
    missed = next(d for d in hybrid.invoke("net income") if d.id != "d2")
    assert "rank_bm25" not in missed.metadata


def test_two_of_a_kind_have_two_names(documents):
    hybrid = HybridRetriever(retrievers=[BM25Retriever.from_documents(documents)] * 2)
    assert {"rank_bm25", "rank_bm25_2"} <= set(hybrid.invoke("cat")[0].metadata)


def test_a_vector_store_of_the_users_own(documents):
    store = InMemoryVectorStore.from_documents(documents, DeterministicFakeEmbedding(size=16))
    mine = HybridRetriever(
        retrievers=[BM25Retriever.from_documents(documents), store.as_retriever()], depth=4, fusion="rrf"
    )
    found = mine.invoke("the bird sings", k=4)
    assert {document.id for document in found} == {"d0", "d1", "d2", "d3"}
    assert "rank_vectorstore" in found[0].metadata
    assert {d.metadata["source"] for d in mine.invoke("bird", where={"source": ["pets"]})} == {"pets"}
    with pytest.raises(UnsupportedError, match="the vectorstore retriever gives no relevance_score"):
        HybridRetriever(retrievers=[store]).invoke("bird")


class Scored(InMemoryVectorStore):
    """A store with relevance scores, as most have."""

    def _select_relevance_score_fn(self):
        return lambda cosine: (1 + cosine) / 2


def test_a_vector_store_is_fused_by_its_scores(documents):
    store = Scored.from_documents(documents, DeterministicFakeEmbedding(size=16))
    members = [BM25Retriever.from_documents(documents), store]
    found = HybridRetriever(retrievers=members, weights=[0, 1]).invoke("the bird sings", k=4)
    told = store.similarity_search_with_relevance_scores("the bird sings", k=4)
    assert [document.id for document in found] == [document.id for document, _ in told]
    assert [d.metadata["score_vectorstore"] for d in found] == [score for _, score in told]
    plain = HybridRetriever(retrievers=[members[0], store.as_retriever()], weights=[0, 1])
    assert plain.invoke("the bird sings", k=4) == found
    assert asyncio.run(plain.ainvoke("the bird sings", k=4)) == found
    assert {d.metadata["source"] for d in plain.invoke("bird", where={"source": {"$ne": "pets"}})} == {
        "report"
    }


def test_a_store_that_ignores_a_filter_is_refused(documents):
    class Deaf(Scored):
        def similarity_search_with_score(self, query, k=4, **kwargs):
            return super().similarity_search_with_score(query, k)

    store = Deaf.from_documents(documents, DeterministicFakeEmbedding(size=16))
    with pytest.raises(UnsupportedError, match="Deaf does not keep to the filter"):
        HybridRetriever(retrievers=[store]).invoke("bird", where={"source": "pets"})
    with pytest.raises(UnsupportedError, match="has a filter already"):
        HybridRetriever(retrievers=[store.as_retriever(search_kwargs={"filter": {}})]).invoke(
            "a", where={"n": 1}
        )


def test_batch_is_invoke(hybrid):
    queries = ["cat", "net income", "bird"]
    assert hybrid.batch(queries) == [hybrid.invoke(query) for query in queries]


def test_no_retrievers():
    with pytest.raises(ValueError, match="at least 1 item"):
        HybridRetriever(retrievers=[])


def test_documents_without_ids_fuse_by_text():
    class Fixed(BaseRetriever):
        texts: list[str]

        def _get_relevant_documents(self, query, *, run_manager):
            return [Document(page_content=text) for text in self.texts]

    retrievers = [Fixed(texts=["a", "b"]), Fixed(texts=["b"])]
    with pytest.raises(UnsupportedError, match="set fusion='rrf'"):
        HybridRetriever(retrievers=retrievers).invoke("q")
    hybrid = HybridRetriever(retrievers=retrievers, fusion="rrf")
    assert [document.page_content for document in hybrid.invoke("q")] == ["b", "a"]


def test_weights_are_checked_before_the_first_question(documents):
    with pytest.raises(ValueError, match="expected 1 weights"):
        HybridRetriever(retrievers=[BM25Retriever.from_documents(documents)], weights=[1, 2])


@pytest.mark.parametrize("norm", sorted(NORMS))
def test_hybrid_fuses_by_scores(documents, norm):
    hybrid = HybridRetriever.from_documents(
        documents, members=[BM25Retriever.from_documents] * 2, fusion=norm, weights=[0.5, 0.5]
    )
    found = hybrid.invoke("the cat")
    assert [d.id for d in found] == [d.id for d in BM25Retriever.from_documents(documents).invoke("the cat")]
