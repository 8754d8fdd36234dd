import numpy as np
import pytest
from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.retrievers.colbert import ColBERTRetriever
from rlc.retrievers.encoders.colbert import ColBERTEncoder
from rlc.retrievers.hybrid import HybridRetriever
from rlc.retrievers.rerank.colbert import ColBERTReranker

ASKED = {"lamp?": [[1, 0], [0, 1]], "ship?": [[0, 1]]}
HELD = {
    "a lamp": [[1, 0], [0.5, 0.5]],
    "a ship": [[0, 1]],
    "a lamp on a ship": [[0.75, 0], [0, 0.75], [0, 0.5]],
}


class Given:
    """Vectors that are written down: queries have others than documents."""

    name, dimension = "given", 2

    def encode_document_tokens(self, texts):
        return [np.array(HELD[text], np.float32) for text in texts]

    def encode_query_tokens(self, texts):
        return [np.array(ASKED[text], np.float32) for text in texts]


@pytest.fixture
def documents():
    return [Document(id=f"d{i}", page_content=text, metadata={"n": i % 2}) for i, text in enumerate(HELD)]


def scores(found):
    return [(document.id, document.metadata["relevance_score"]) for document in found]


def test_scores_by_hand(documents):
    retriever = ColBERTRetriever.from_documents(documents, encoder=Given())
    lamp, ship = retriever.search(["lamp?", "ship?"])
    assert scores(lamp) == [("d0", 1 + 0.5), ("d2", 0.75 + 0.75), ("d1", 0 + 1)], "ties by id"
    assert scores(ship) == [("d1", 1), ("d2", 0.75), ("d0", 0.5)]
    assert scores(retriever.invoke("ship?", where={"n": 0})) == [("d2", 0.75), ("d0", 0.5)]
    assert retriever.tokens.dtype == np.float16


def test_the_reranker_agrees(documents):
    refined = ColBERTReranker(encoder=Given(), top=2).refine(documents, "ship?")
    assert [document.id for document in refined] == ["d1", "d2"]


def test_a_real_checkpoint_mixed_with_another(tiny_colbert, documents):
    encoder = ColBERTEncoder(str(tiny_colbert), device="cpu")
    alone = ColBERTRetriever.from_documents(documents, encoder=encoder)
    [best, *_] = alone.invoke("the cat")
    assert best.metadata["relevance_score"] <= 12 + 1e-2, "12 tokens, each nearest at most at 1"
    mixed = HybridRetriever(retrievers=[alone, alone], k=3).invoke("the cat")
    assert [document.id for document in mixed] == [document.id for document in alone.invoke("the cat", k=3)]
    assert {"rank_colbert", "rank_colbert_2"} <= set(mixed[0].metadata)


def test_bad_input(documents):
    with pytest.raises(DataError, match="at least one document"):
        ColBERTRetriever.from_documents([], encoder=Given())
    with pytest.raises(ValueError, match="MultiVectorEncoder"):
        ColBERTReranker(encoder="minilm")
