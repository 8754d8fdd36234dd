import numpy as np
import pytest
from langchain_core.documents import Document

from rlc.data.errors import DataError, StoreError
from rlc.data.protocols import SparseEncoder, SparseVector
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.encoders.splade import SpladeEncoder
from rlc.retrievers.hybrid import HybridRetriever
from rlc.retrievers.splade import SpladeRetriever

LAMP, LIGHT, SHIP = range(3)
WEIGHTS = {
    "a lamp": {LAMP: 2.0, LIGHT: 0.5},
    "a ship": {SHIP: 1.5},
    "a lamp on a ship": {LAMP: 1.0, LIGHT: 0.25, SHIP: 1.0},
    "what shines?": {LAMP: 0.5, LIGHT: 2.0},
    "lamp or ship?": {LAMP: 1.0, SHIP: 2.0},
    "who?": {},
}


class Given:
    """Weights that are written down."""

    name, dimension = "given", 3

    def weigh_documents(self, texts):
        return [
            SparseVector(np.array([*found], np.int32), np.array([*found.values()], np.float32))
            for found in map(WEIGHTS.get, texts)
        ]

    weigh_queries = weigh_documents


@pytest.fixture
def documents():
    texts = ["a lamp", "a ship", "a lamp on a ship"]
    return [Document(id=f"d{i}", page_content=text, metadata={"n": i % 2}) for i, text in enumerate(texts)]


@pytest.fixture
def retriever(documents):
    return SpladeRetriever.from_documents(documents, encoder=Given())


def scores(found):
    return [(document.id, document.metadata["relevance_score"]) for document in found]


def test_scores_by_hand(retriever):
    shines, either, nothing = retriever.search(["what shines?", "lamp or ship?", "who?"])
    assert scores(shines) == [("d0", 0.5 * 2 + 2 * 0.5), ("d2", 0.5 * 1 + 2 * 0.25)]
    assert scores(either) == [("d1", 2 * 1.5), ("d2", 1 * 1 + 2 * 1), ("d0", 1 * 2)], "ties by id"
    assert nothing == [], "what shares no term is not found"
    assert scores(retriever.invoke("lamp or ship?", where={"n": 0})) == [("d2", 3.0), ("d0", 2.0)]


def test_many_documents_use_dense_and_sparse_rows_alike():
    generator = np.random.default_rng(0)
    table = generator.random((200, 50), dtype=np.float32) * (
        generator.random((200, 50)) < np.linspace(0.9, 0.01, 50)
    )

    class Rows(Given):
        dimension = 50

        def weigh_documents(self, texts):
            rows = [table[int(text)] for text in texts]
            return [
                SparseVector(np.flatnonzero(row).astype(np.int32), row[row > 0].astype(np.float32))
                for row in rows
            ]

        weigh_queries = weigh_documents

    documents = [Document(id=f"{i:03}", page_content=str(i)) for i in range(200)]
    retriever = SpladeRetriever.from_documents(documents, encoder=Rows(), k=200)
    assert 0 < len(retriever.postings._dense_rows) < 50
    for query in ("3", "77"):
        expected = table @ table[int(query)]
        for document in retriever.invoke(query):
            assert document.metadata["relevance_score"] == pytest.approx(
                expected[int(document.page_content)], rel=1e-5
            )


def test_opens_as_it_was_saved_and_only_with_its_encoder(retriever, tmp_path):
    retriever.save(tmp_path)
    opened = SpladeRetriever.open(tmp_path, encoder=Given())
    queries = ["what shines?", "lamp or ship?", "who?"]
    assert opened.search(queries) == retriever.search(queries)
    assert not opened.postings.impacts.flags.writeable
    other = Given()
    other.name = "other"
    with pytest.raises(StoreError, match=r"was made by 'given', this encoder is 'other': open it with that"):
        SpladeRetriever.open(tmp_path, encoder=other)
    with pytest.raises(StoreError, match="holds a 'splade' index"):
        BM25Retriever.open(tmp_path)


def test_a_real_encoder_mixed_with_bm25(tiny_splade, documents):
    encoder = SpladeEncoder(str(tiny_splade), device="cpu")
    assert isinstance(encoder, SparseEncoder)
    alone = SpladeRetriever.from_documents(documents, encoder=encoder)
    mixed = HybridRetriever(retrievers=[BM25Retriever.from_documents(documents), alone], k=3)
    found = mixed.invoke("a lamp")
    assert {document.id for document in found} == {"d0", "d1", "d2"}
    for document in found:
        assert {"rank_bm25", "rank_splade", "score_splade"} <= set(document.metadata)


def test_bad_input(documents):
    with pytest.raises(DataError, match="at least one document"):
        SpladeRetriever.from_documents([], encoder=Given())
    with pytest.raises(ValueError, match="SparseEncoder"):
        SpladeRetriever(collection=None, postings=None, encoder="naver/splade-v3")
