from functools import partial

import pytest

from rlc.data.errors import EngineError
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.hyde import HydeRetriever

index = BM25Retriever.from_documents


def test_a_batch_is_one_call(documents, writer):
    llm = writer("bird")
    partial(HydeRetriever.from_documents, retriever=index, llm=llm)(documents).batch(["a", "b"])
    assert len(llm.asked) == 2


def test_bad_answers(documents, writer):
    failing = HydeRetriever.from_documents(documents, retriever=index, llm=writer(error="no memory"))
    with pytest.raises(EngineError, match="expanded no query: no memory"):
        failing.invoke("cat")
    silent = HydeRetriever.from_documents(documents, retriever=index, llm=writer(" "), include_query=False)
    with pytest.raises(EngineError, match="wrote nothing to search for"):
        silent.invoke("cat")
