import pytest

from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.multi_query import MultiQueryRetriever

index = BM25Retriever.from_documents


def test_other_words_find_what_the_query_does_not(documents, writer):
    llm = writer("1. Which bird?\n- Who sings?\n\nWhat rose?\nToo many")
    retriever = MultiQueryRetriever.from_documents(documents, retriever=index, llm=llm, count=2)
    assert retriever.expand(["robin"]) == [["robin", "Which bird?", "Who sings?"]]
    assert [d.id for d in retriever.invoke("robin")] == ["d3"]
    assert "robin" in llm.asked[0]


def test_rankings_are_fused(documents, writer):
    retriever = MultiQueryRetriever.from_documents(documents, retriever=index, llm=writer("cat dog"))
    first = retriever.invoke("dog")[0]
    assert first.id == "d1"
    assert first.metadata["relevance_score"] == pytest.approx(2 / 61)
