import re

import pytest
from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.neighbours import NeighbourRetriever

TEXT = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
index = BM25Retriever.from_documents


@pytest.fixture
def chunks(cut):
    return cut(TEXT, [word.span() for word in re.finditer(r"\w+", TEXT)])


def test_neighbours_by_hand(chunks):
    retriever = NeighbourRetriever.from_documents(chunks, retriever=index, before=1, after=2)
    (found,) = retriever.invoke("delta")
    assert found.page_content == "gamma delta epsilon zeta"
    assert found.page_content == TEXT[found.metadata["start_index"] : found.metadata["end_index"]]
    assert found.metadata["hits"] == ["t:17-22"]
    assert found.id == "t:11-35"


def test_neighbours_that_overlap_become_one(chunks):
    retriever = NeighbourRetriever.from_documents(chunks, retriever=index, k=1)
    (found,) = retriever.invoke("delta zeta")
    assert found.page_content == "gamma delta epsilon zeta eta"
    assert len(found.metadata["hits"]) == 2
    assert len(retriever.invoke("delta kappa", k=2)) == 2
    assert len(retriever.invoke("delta kappa", k=1)) == 1


def test_neighbours_stop_at_the_end_of_the_text_and_at_other_sources(chunks, cut):
    other = cut("omega", [(0, 5)], source="u")
    retriever = NeighbourRetriever.from_documents([*chunks, *other], retriever=index, before=9, after=9)
    assert retriever.invoke("alpha")[0].page_content == TEXT
    assert retriever.invoke("omega")[0].page_content == "omega"


def test_bad_input(chunks):
    with pytest.raises(DataError, match="lacks source, start_index or end_index"):
        NeighbourRetriever.from_documents([Document("x")], retriever=index)
    with pytest.raises(TypeError, match="afer"):
        NeighbourRetriever.from_documents(chunks, retriever=index, afer=2)
