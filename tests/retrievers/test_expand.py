import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.expand import NeighbourRetriever, ParentRetriever, assemble, by_source

TEXT = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
index = BM25Retriever.from_documents


def cut(text, spans, source="t", **metadata):
    return [
        Document(
            id=f"{source}:{a}-{b}",
            page_content=text[a:b],
            metadata={"source": source, "start_index": a, "end_index": b, **metadata},
        )
        for a, b in spans
    ]


def words():
    places, at = [], 0
    for word in TEXT.split():
        places.append((at, at + len(word)))
        at += len(word) + 1
    return cut(TEXT, places)


def test_neighbours_by_hand():
    retriever = NeighbourRetriever.from_documents(words(), retriever=index, before=1, after=2)
    (found,) = retriever.invoke("delta")
    assert found.page_content == "gamma delta epsilon zeta"
    assert found.page_content == TEXT[found.metadata["start_index"] : found.metadata["end_index"]]
    assert found.metadata["hits"] == ["t:17-22"]
    assert found.id == "t:11-35"


def test_neighbours_that_overlap_become_one():
    retriever = NeighbourRetriever.from_documents(words(), retriever=index, k=1)
    (found,) = retriever.invoke("delta zeta")
    assert found.page_content == "gamma delta epsilon zeta eta"
    assert len(found.metadata["hits"]) == 2
    assert len(retriever.invoke("delta kappa", k=2)) == 2
    assert len(retriever.invoke("delta kappa", k=1)) == 1


def test_neighbours_stop_at_the_end_of_the_text_and_at_other_sources():
    other = cut("omega", [(0, 5)], source="u")
    retriever = NeighbourRetriever.from_documents([*words(), *other], retriever=index, before=9, after=9)
    assert retriever.invoke("alpha")[0].page_content == TEXT
    assert retriever.invoke("omega")[0].page_content == "omega"


def test_parents_by_hand():
    children = [
        *cut(TEXT, [(0, 11), (11, 23)], parents=[[0, 23], [0, len(TEXT)]]),
        *cut(TEXT, [(23, 36), (36, len(TEXT))], parents=[[23, len(TEXT)], [0, len(TEXT)]]),
    ]
    near = ParentRetriever.from_documents(children, retriever=index)
    assert [d.page_content for d in near.invoke("alpha delta")] == [TEXT[:23]]
    assert [d.page_content for d in near.invoke("kappa")] == [TEXT[23:]]
    far = ParentRetriever.from_documents(children, retriever=index, level=5)
    assert [d.page_content for d in far.invoke("kappa")] == [TEXT]


@given(st.integers(1, 9), st.integers(0, 5), st.data())
def test_any_covered_span_is_its_slice(size, overlap, data):
    spans = [(a, min(a + size + overlap, len(TEXT))) for a in range(0, len(TEXT), size)]
    source = by_source(cut(TEXT, spans))["t"]
    start = data.draw(st.integers(0, len(TEXT) - 1))
    end = data.draw(st.integers(start + 1, len(TEXT)))
    assert assemble(source, start, end) == TEXT[start:end]


def test_bad_input():
    with pytest.raises(DataError, match="lacks source, start_index or end_index"):
        NeighbourRetriever.from_documents([Document("x")], retriever=index)
    far = "x" * 100
    with pytest.raises(DataError, match="hold no text at 10"):
        assemble(cut(far, [(0, 10), (60, 100)]), 0, 100)
    with pytest.raises(TypeError, match="afer"):
        NeighbourRetriever.from_documents(words(), retriever=index, afer=2)
