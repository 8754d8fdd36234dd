from functools import partial

import pytest

from rlc.data.errors import EngineError
from rlc.data.protocols import Generation
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.expansion import HydeRetriever, MultiQueryRetriever

index = BM25Retriever.from_documents


class Writer:
    name, window, tokenizer = "writer", 1000, ApproximateTokenizer()

    def __init__(self, text="", error=None):
        self.text, self.error, self.asked = text, error, []

    def count(self, prompt):
        return self.tokenizer.count(prompt.question)

    def generate(self, prompts, *, max_tokens, **wishes):
        self.asked += [prompt.question for prompt in prompts]
        return [Generation(self.text, error=self.error) for _ in prompts]


def test_other_words_find_what_the_query_does_not(documents):
    llm = Writer("1. Which bird?\n- Who sings?\n\nWhat rose?\nToo many")
    retriever = MultiQueryRetriever.from_documents(documents, retriever=index, llm=llm, count=2)
    assert retriever.expand(["robin"]) == [["robin", "Which bird?", "Who sings?"]]
    assert [d.id for d in retriever.invoke("robin")] == ["d3"]
    assert "robin" in llm.asked[0]


def test_rankings_are_fused(documents):
    retriever = MultiQueryRetriever.from_documents(documents, retriever=index, llm=Writer("cat dog"))
    first = retriever.invoke("dog")[0]
    assert first.id == "d1"
    assert first.metadata["relevance_score"] == pytest.approx(2 / 61)


def test_hyde_searches_for_the_passage(documents):
    retriever = HydeRetriever.from_documents(
        documents, retriever=index, llm=Writer("Net income rose."), include_query=False
    )
    assert [d.id for d in retriever.invoke("cat")] == ["d2"]
    assert [d.id for d in retriever.invoke("cat", where={"source": "pets"})] == []


def test_a_batch_is_one_call(documents):
    llm = Writer("bird")
    partial(HydeRetriever.from_documents, retriever=index, llm=llm)(documents).batch(["a", "b"])
    assert len(llm.asked) == 2


def test_bad_answers(documents):
    failing = HydeRetriever.from_documents(documents, retriever=index, llm=Writer(error="no memory"))
    with pytest.raises(EngineError, match="expanded no query: no memory"):
        failing.invoke("cat")
    silent = HydeRetriever.from_documents(documents, retriever=index, llm=Writer(" "), include_query=False)
    with pytest.raises(EngineError, match="wrote nothing to search for"):
        silent.invoke("cat")
