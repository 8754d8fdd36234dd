"""Shared stages: the same answers as alone, made once, charged as if alone."""

import time

import numpy as np
import pytest
from langchain_core.documents import Document

from rlc.data.errors import EngineError
from rlc.data.protocols import Generation, Prompt
from rlc.data.store import Store
from rlc.experiments.runs.loop import batches
from rlc.experiments.sweep.sharing import (
    KEPT,
    Memory,
    Shared,
    SharingReading,
)
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.forwarding import forward
from rlc.pipeline.recipe import build_readers
from rlc.pipeline.recipe_files import load_recipe
from rlc.pipeline.recipe_settings import with_setting
from rlc.retrievers.encoders.support.remembered import RememberedEncoder, RememberedSparseEncoder


def test_what_is_remembered_takes_as_long_on_its_clock():
    memory = Memory()

    def slow():
        time.sleep(0.02)
        return "made"

    spent = []
    for _ in range(2):
        started = memory.now()
        assert memory.recall("chunks", "key", slow) == "made"
        spent.append(memory.now() - started)
    assert min(spent) >= 0.02
    stage = memory.stages["chunks"]
    assert (stage.wanted, stage.served) == (2, 1)
    assert stage.seconds >= 0.02


def test_the_longest_unused_is_forgotten(monkeypatch):
    monkeypatch.setitem(KEPT, "indexes", 2)
    memory = Memory()
    for key in ("a", "b", "a", "c", "a", "b"):  # c drives out b
        memory.recall("indexes", key, lambda: 0)
    assert memory.stages["indexes"].served == 2


def test_equal_prompts_are_asked_once_and_failures_again():
    llm = ScriptedLLM(lambda p: Generation("", error="no") if p.question == "bad" else "yes")
    shared = forward(llm, Memory(), "llm")
    prompts = [Prompt("text", question) for question in ("a", "b", "a", "bad")]
    for _ in range(2):
        assert [one.text for one in shared.generate(prompts, max_tokens=4)] == ["yes", "yes", "yes", ""]
    assert [[p.question for p in call.prompts] for call in llm.calls] == [["a", "b", "bad"], ["bad"]]
    shared.generate(prompts[:1], max_tokens=5)
    assert len(llm.calls) == 3  # another wish is another answer
    assert (shared.name, shared.window, shared.count(prompts[0])) == (
        llm.name,
        llm.window,
        llm.count(prompts[0]),
    )


class Counting:
    """A chunker, an index, a step and an encoder that count."""

    name, window, pooling, dimension, tokenizer = "counting", 8, "mean", 2, None

    def __init__(self):
        self.calls = 0

    def transform_documents(self, documents):
        self.calls += 1
        return [Document(id=f"{d.id}:0", page_content=d.page_content) for d in documents]

    def __call__(self, documents):
        self.calls += 1
        return list(documents)

    def compress_documents(self, documents, query, callbacks=None):
        self.calls += 1
        return list(documents)[:1]

    def encode_documents(self, texts):
        self.calls += 1
        return np.ones((len(texts), 2), np.float32)

    encode_queries = weigh_documents = weigh_queries = encode_documents


def test_a_document_is_cut_indexed_embedded_and_refined_once():
    memory, one = Memory(), Document(id="a", page_content="Text.")
    cutter, index, step, encoder = Counting(), Counting(), Counting(), Counting()
    chunker = Shared(cutter, "chunker", memory)
    chunks = [chunker.transform_documents([one]) for _ in range(2)]
    assert chunks[0][0] is chunks[1][0]
    indexes = Shared(index, "index", memory)
    assert indexes(chunks[0]) is indexes(chunks[1])
    indexes([Document(id="a:0", page_content="Text.")])  # another object may hold other vectors
    for query in ("q", "q", "r"):
        Shared(step, "step", memory).compress_documents([one.model_copy()], query)
    shared = RememberedEncoder(encoder, memory, "encoder")
    for encode in (shared.encode_documents, shared.encode_documents, shared.encode_queries):
        assert encode(["Text."]).shape == (1, 2)
    sparse = RememberedSparseEncoder(encoder, memory, "sparse encoder")
    for weigh in (sparse.weigh_documents, sparse.weigh_documents, sparse.weigh_queries):
        assert [vector.tolist() for vector in weigh(["Text."])] == [[1, 1]]
    assert [part.calls for part in (cutter, index, step, encoder)] == [1, 2, 2, 4]
    chunker.transform_documents([Document(id="a", page_content="Other.")])
    assert cutter.calls == 2


@pytest.mark.parametrize("order", ["relevance", "document"])
def test_answers_are_those_of_readers_alone(scripted_recipe, dataset, tmp_path, order):
    recipe = with_setting(load_recipe(scripted_recipe), "readers.rag.order", order)
    recipe = with_setting(recipe, "readers.rag.steps", [{"use": "top", "k": 1}])
    specs = {
        "one": recipe.completed()["rag"],
        "two": with_setting(recipe, "readers.rag.max_tokens", 3).completed()["rag"],
    }
    memory = Memory()
    found = []
    for folder, finish in (("alone", None), ("shared", memory.finish)):
        store = Store(tmp_path / folder)
        readers = build_readers(specs, store, finish) if finish else build_readers(specs, store)
        found.append([reader(batch) for reader in readers.values() for batch in batches(dataset.examples)])
        store.close()
    store, asking = Store(tmp_path / "lane"), Memory()
    answer = SharingReading(specs).open(store)
    found.append([asking.take(answer(name, batch)) for name in specs for batch in batches(dataset.examples)])
    store.close()
    assert {name: (one.wanted, one.served) for name, one in asking.stages.items()} == {
        name: (one.wanted, one.served) for name, one in memory.stages.items()
    }
    for alone, *others in zip(*found, strict=True):
        for one, other in (
            (one, other) for shared in others for one, other in zip(alone, shared, strict=True)
        ):
            assert (one.text, one.evidence, one.prompt_hash, one.error) == (
                other.text, other.evidence, other.prompt_hash, other.error,
            )  # fmt: skip
    assert {name: stage.served for name, stage in memory.stages.items()} == {
        "chunks": 2, "indexes": 2, "passages": 4, "generations": 0,
    }  # fmt: skip


def test_errors_pass_through():
    memory = Memory()

    def broken():
        raise EngineError("no")

    for _ in range(2):
        with pytest.raises(EngineError):
            memory.recall("chunks", "key", broken)
    assert memory.stages["chunks"].served == 0


@pytest.mark.parametrize("pruner", ["cxmi", "longllmlingua"])
def test_pruners_that_score_with_the_engine_are_swept(tiny_llm_folder, make_example, tmp_path, pruner):
    recipe = load_recipe(
        f"""
        [parts.llm]
        use = "hf"
        model = "{tiny_llm_folder}"
        device = "cpu"
        dtype = "float32"
        [readers.rag]
        use = "rag"
        llm = "@llm"
        max_tokens = 2
        chunker = {{ use = "recursive", size = 8, overlap = 0 }}
        retriever = {{ use = "bm25", k = 1 }}
        steps = [{{ use = "{pruner}", llm = "@llm" }}]
        """
    )
    store = Store(tmp_path)
    [reader] = build_readers(recipe.completed(), store, Memory().finish).values()
    [answer] = reader([make_example("q1", "Who met Bob?")])
    assert answer.error is None
    store.close()
