import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import RunnableLambda

from rlc.data.loads import ChunkLoad
from rlc.pipeline.families import RETRIEVER
from rlc.retrievers import BM25Retriever, RefinedRetriever, Top
from rlc.retrievers.prune import LexicalPruner

TEXTS = ["the cat sat. It rained.", "the cat and the dog. It snowed.", "the cat"]
DOCUMENTS = [Document(id=f"d{i}", page_content=text) for i, text in enumerate(TEXTS)]


class Backwards(BaseDocumentCompressor):
    """A step that is not rlc's."""

    def compress_documents(self, documents, query, callbacks=None):
        return list(documents)[::-1]


def test_the_steps_refine_in_turn():
    plain = BM25Retriever.from_documents(DOCUMENTS)
    first = [document.id for document in plain.invoke("cat", k=3)]
    refined = RefinedRetriever(retriever=plain, steps=[Top(k=2), Backwards()], k=5)
    found = refined.invoke("cat")
    assert [document.id for document in found] == first[:2][::-1]
    assert [document.metadata["rank"] for document in found] == [1, 2]
    assert [document.id for document in refined.invoke("cat", k=1)] == [first[1]]


def test_it_takes_a_pruner_and_counts_what_the_steps_let_through():
    refined = RefinedRetriever.from_documents(
        DOCUMENTS, retriever=BM25Retriever.from_documents, steps=[LexicalPruner(ratio=0.5)], depth=3
    )
    assert refined.invoke("cat", k=1)[0].page_content.strip() == "the cat"
    assert RefinedRetriever.hands_out(ChunkLoad((10,), 1000), k=5, depth=50, steps=[Top(k=2)]).tokens == 20


def test_a_step_that_is_none_is_refused():
    with pytest.raises(ValueError, match="BaseDocumentCompressor"):
        RefinedRetriever(retriever=BM25Retriever.from_documents(DOCUMENTS), steps=["top"])
    assert "steps" in RETRIEVER.parameters("refined", "refined")


def test_a_bar_makes_one_and_chains_other_things_as_before():
    plain = BM25Retriever.from_documents(DOCUMENTS, k=2)
    pruned = plain | LexicalPruner(ratio=0.5) | Top(k=1)
    assert isinstance(pruned, RefinedRetriever)
    assert pruned.k == 2
    assert [document.page_content.strip() for document in pruned.invoke("cat")] == ["the cat"]
    assert (plain | RunnableLambda(len)).invoke("cat") == 2
    with pytest.raises(TypeError, match="Expected a Runnable"):
        plain | 3
