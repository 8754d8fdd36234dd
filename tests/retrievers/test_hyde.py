from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.hyde import HydeRetriever

index = BM25Retriever.from_documents


def test_hyde_searches_for_the_passage(documents, writer):
    retriever = HydeRetriever.from_documents(
        documents, retriever=index, llm=writer("Net income rose."), include_query=False
    )
    assert [d.id for d in retriever.invoke("cat")] == ["d2"]
    assert [d.id for d in retriever.invoke("cat", where={"source": "pets"})] == []
