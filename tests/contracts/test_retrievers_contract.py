"""Every retriever's laws, langchain's standard suite among them."""

import asyncio
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_tests.integration_tests import RetrieversIntegrationTests

from rlc.data.errors import DataError
from rlc.data.lazy import load
from rlc.data.protocols import Generation, TokenEmbeddings
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers import RETRIEVERS
from rlc.retrievers.base import search
from rlc.retrievers.encoders.langchain import LangChainEncoder

ENCODER = LangChainEncoder(DeterministicFakeEmbedding(size=16), window=100)


class WordStates(LangChainEncoder):
    """Gives every word's vector as a token state."""

    def encode_tokens(self, texts):
        """One state a word."""
        return [
            TokenEmbeddings(self.encode_documents(text.split()), np.zeros((len(text.split()), 2), np.int64))
            for text in texts
        ]


class Echo:
    """Writes the question back."""

    name, window, tokenizer = "echo", 1000, ApproximateTokenizer()

    def count(self, prompt):
        return self.tokenizer.count(prompt.question)

    def generate(self, prompts, *, max_tokens, **wishes):
        return [Generation(prompt.question.rpartition(": ")[2]) for prompt in prompts]


TEXTS = ["the cat sat", "the dog ran", "the cat and the dog", "the bird", "the cat sat"]
SETTINGS = {
    "bm25": {},
    "dense": {"encoder": ENCODER},
    "hybrid": {
        "members": [
            load(RETRIEVERS["bm25"]).from_documents,
            partial(load(RETRIEVERS["dense"]).from_documents, encoder=ENCODER),
        ]
    },
    "maxsim": {"encoder": WordStates(DeterministicFakeEmbedding(size=16), window=100)},
    "multi-query": {"retriever": load(RETRIEVERS["bm25"]).from_documents, "llm": Echo()},
    "hyde": {"retriever": load(RETRIEVERS["bm25"]).from_documents, "llm": Echo()},
    "neighbours": {"retriever": load(RETRIEVERS["bm25"]).from_documents, "before": 0, "after": 0},
    "parents": {"retriever": load(RETRIEVERS["bm25"]).from_documents},
}
every_retriever = pytest.mark.parametrize("name", sorted(RETRIEVERS))


def documents():
    """One chunk a source, its id as the chunkers make it."""
    return [
        Document(
            id=f"d{i}:0-{len(text)}",
            page_content=text,
            metadata={"n": i % 2, "source": f"d{i}", "start_index": 0, "end_index": len(text)},
        )
        for i, text in enumerate(TEXTS)
    ]


def make(name, given=None, **settings):
    chosen = documents() if given is None else given
    return load(RETRIEVERS[name]).from_documents(chosen, **SETTINGS[name], **settings)


def fields(retriever):
    return {field: getattr(retriever, field) for field in type(retriever).model_fields if field != "k"}


class Suite(RetrieversIntegrationTests):
    name = ""

    @property
    def retriever_constructor(self):
        return load(RETRIEVERS[self.name])

    @property
    def retriever_constructor_params(self):
        given = fields(make(self.name))
        return {key: value for key, value in given.items() if value is not None}

    @property
    def retriever_query_example(self):
        return "the cat"


class TestBM25(Suite):
    name = "bm25"


class TestDense(Suite):
    name = "dense"


class TestHybrid(Suite):
    name = "hybrid"


class TestMaxSim(Suite):
    name = "maxsim"


class TestMultiQuery(Suite):
    name = "multi-query"


class TestHyde(Suite):
    name = "hyde"


class TestNeighbours(Suite):
    name = "neighbours"


class TestParents(Suite):
    name = "parents"


def test_every_retriever_has_its_suite():
    assert {suite.name for suite in Suite.__subclasses__()} == set(RETRIEVERS)


@every_retriever
def test_documents_come_ranked_and_whole(name):
    for document in make(name).invoke("the cat"):
        assert document.id
        assert document.metadata["n"] in (0, 1)
    found = make(name).invoke("the cat", k=5)
    assert [document.metadata["rank"] for document in found] == [1, 2, 3, 4, 5]
    keys = [(-document.metadata["relevance_score"], document.id) for document in found]
    assert keys == sorted(keys)


@every_retriever
def test_inputs_are_not_mutated(name):
    given = documents()
    retriever = make(name, given)
    retriever.invoke("the cat")[0].metadata["n"] = "changed"
    assert given == documents()
    assert all(document.metadata["n"] in (0, 1) for document in retriever.invoke("the cat"))


@every_retriever
def test_batch_invoke_and_search_agree(name):
    retriever, queries = make(name), ["the cat", "bird", "nothing known"]
    one_by_one = [retriever.invoke(query, k=2) for query in queries]
    assert retriever.batch(queries, k=2) == one_by_one
    assert asyncio.run(retriever.abatch(queries, k=2)) == one_by_one
    assert [asyncio.run(retriever.ainvoke(query, k=2)) for query in queries] == one_by_one
    assert search(retriever, queries, k=2) == one_by_one


@every_retriever
def test_callbacks_are_heard_in_a_batch(name):
    heard = []

    class Listener(BaseCallbackHandler):
        def on_retriever_end(self, documents, **kwargs):
            heard.append(len(documents))

    make(name, k=1).batch(["the cat", "the bird"], {"callbacks": [Listener()]})
    assert heard == [1, 1]


@every_retriever
def test_k_above_the_collection_gives_the_collection(name):
    assert len(make(name).invoke("the", k=100)) == len(TEXTS)


@every_retriever
def test_a_collection_of_one(name):
    assert [document.id for document in make(name, documents()[:1]).invoke("the cat")] == ["d0:0-11"]


@every_retriever
def test_a_filter_keeps_the_scope(name):
    found = make(name).invoke("the cat", k=5, where={"n": 1})
    assert sorted(document.metadata["source"] for document in found) == ["d1", "d3"]
    assert asyncio.run(make(name).ainvoke("the cat", k=5, where={"n": 1})) == found


@every_retriever
def test_the_order_of_the_documents_does_not_matter(name):
    assert make(name, documents()[::-1]).invoke("the cat", k=5) == make(name).invoke("the cat", k=5)


@every_retriever
def test_bad_input(name):
    with pytest.raises(DataError, match="at least one document"):
        make(name, [])
    for k in (0, 2.5):
        with pytest.raises(ValueError, match="k must be at least 1"):
            make(name).invoke("the", k=k)
    with pytest.raises(ValueError, match="must ask for one value, got \\[0, 1\\]"):
        make(name).invoke("the", where={"n": [0, 1]})
    with pytest.raises(TypeError):
        make(name, kk=3)
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        load(RETRIEVERS[name])(**fields(make(name)), kk=3)


def test_importing_a_retriever_loads_nothing_heavy():
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'faiss', 'bm25s', 'scipy'}"
    modules = {target.partition(":")[0] for target in RETRIEVERS.values()} | {
        "rlc.retrievers.encoders.sentence_transformer"
    }
    code = f"import sys, {', '.join(sorted(modules))}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
