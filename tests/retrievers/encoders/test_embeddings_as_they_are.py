"""Langchain's `Embeddings` are taken as they are wherever one vector a text will do, and told apart elsewhere."""

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

from rlc.chunkers import LateChunker, SemanticChunker
from rlc.data.errors import UnsupportedError
from rlc.retrievers import MaxSimRetriever
from rlc.retrievers.prune import SimilarityPruner
from rlc.retrievers.rerank import MaxSimReranker
from rlc.retrievers.select import MaximalMarginalRelevance

EMBEDDINGS = DeterministicFakeEmbedding(size=8)
DOCUMENTS = [Document(id=name, page_content=f"The {name} sat.") for name in ("cat", "dog", "bird")]


@pytest.mark.parametrize(
    "step",
    [MaximalMarginalRelevance(encoder=EMBEDDINGS, k=2), SimilarityPruner(encoder=EMBEDDINGS, ratio=0.0)],
)
def test_steps_take_them(step):
    found = step.compress_documents(DOCUMENTS, "The cat sat.")
    assert {document.id for document in found} <= {"cat", "dog", "bird"}
    assert found[0].id == "cat"


def test_where_every_token_needs_a_vector_it_is_said():
    with pytest.raises(UnsupportedError, match="no token embeddings: use a sentence-transformers model"):
        MaxSimRetriever.from_documents(DOCUMENTS, encoder=EMBEDDINGS)
    with pytest.raises(UnsupportedError, match="no token embeddings"):
        MaxSimReranker(encoder=EMBEDDINGS).compress_documents(DOCUMENTS, "cat")


@pytest.mark.parametrize("chunker", [SemanticChunker, LateChunker])
def test_chunkers_name_the_wrapper(chunker):
    with pytest.raises(TypeError, match=r"LangChainEncoder\(DeterministicFakeEmbedding"):
        chunker(encoder=EMBEDDINGS)
