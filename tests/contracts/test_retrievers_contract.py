"""Every retriever's laws, langchain's standard suite among them."""

import asyncio
import subprocess
import sys

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_tests.integration_tests import RetrieversIntegrationTests
from stand_ins import build

from rlc.data.errors import DataError
from rlc.data.lazy import load
from rlc.pipeline.families import RETRIEVER
from rlc.retrievers import RETRIEVERS
from rlc.retrievers.base import search
from rlc.retrievers.support.nested import NestedRetriever

TEXTS = ["the cat sat", "the dog ran", "the cat and the dog", "the bird", "the cat sat"]
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


def echo(prompt):
    """Writes the question back."""
    return prompt.question.rpartition(": ")[2]


def make(name, given=None, **settings):
    chosen = documents() if given is None else given
    return build(RETRIEVER, name, echo)(chosen, **settings)


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


# One suite an entry: pytest finds classes by their names.
for entry in RETRIEVERS:
    suite = f"Test{entry.title().replace('-', '')}"
    globals()[suite] = type(suite, (Suite,), {"name": entry})


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
        def on_retriever_end(self, documents, *, run_id, parent_run_id=None, **kwargs):
            heard.append((run_id, parent_run_id, len(documents)))

    retriever = make(name, k=1)
    retriever.batch(["the cat", "the bird"], {"callbacks": [Listener()]})
    asked = {run: found for run, parent, found in heard if parent is None}
    assert list(asked.values()) == [1, 1]
    parents = {parent for _, parent, _ in heard if parent is not None}
    held = isinstance(retriever, NestedRetriever)
    assert parents == (set(asked) if held else set()), (
        "what it holds is heard below the query that it searches for"
    )


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
    assert (
        make(name).invoke("the cat", k=5, where={"n": {"$gte": 1, "$lt": 3}, "source": ["d1", "d3"]}) == found
    )


@every_retriever
def test_it_is_told_in_a_line(name):
    assert "\n" not in repr(make(name))
    assert TEXTS[1] not in repr(make(name))


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
    with pytest.raises(ValueError, match=r"no operator of the filter on 'n' '\$gr'.*\$gt"):
        make(name).invoke("the", where={"n": {"$gr": 1}})
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
