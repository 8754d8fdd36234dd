"""A kill inside an answer loses what was being written, nothing that was written before."""

import numpy as np
import pytest

from rlc.data.protocols import Generation, TokenLogprobs
from rlc.data.store import Store
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.remembered import RememberedGenerations
from rlc.pipeline.readers.map_reduce import MapReduce
from rlc.pipeline.readers.refine import Refine
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.recipe import Recipe, build_readers

TEXT = "Ann saw a cat.\n\nBob saw a dog.\n\nCyd saw it rain.\n\n"


class Killed(BaseException):
    """What ends a process, as far as Python can play it."""


class Mortal(ScriptedLLM):
    """Dies when it is asked for the n-th time."""

    together = 1

    def __init__(self, lives):
        super().__init__(lambda prompt: f"read {prompt.prefix.split()[-1]}")
        self.lives = lives

    def generate(self, prompts, **wishes):
        if not self.lives:
            raise Killed
        self.lives -= 1
        return super().generate(prompts, **wishes)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.mark.parametrize("kind", [MapReduce, Refine])
def test_after_a_kill_only_the_rest_is_asked(kind, store, make_example):
    example = make_example("1", "Who?", TEXT)
    dying, healthy = Mortal(2), Mortal(99)
    with pytest.raises(Killed):
        StoredReader(lambda: kind(dying, piece=6), store, "same", "a")([example])
    [answer] = StoredReader(lambda: kind(healthy, piece=6), store, "same", "a")([example])
    [whole] = kind(Mortal(99), piece=6)([example])
    assert len(healthy.calls) == whole.usage.calls - 2
    assert answer.text == whole.text
    assert (answer.usage.calls, answer.usage.prompt_tokens) == (whole.usage.calls, whole.usage.prompt_tokens)


def test_another_reader_remembers_nothing_of_it(store, make_example):
    for identity in ("one", "other"):
        llm = Mortal(99)
        StoredReader(lambda llm=llm: Refine(llm, piece=6), store, identity, "a")(
            [make_example("1", "Who?", TEXT)]
        )
        assert len(llm.calls) == 3


def test_who_asks_afresh_is_told_afresh(store, make_example):
    example = make_example("1", "Who?", TEXT)
    for _ in range(2):
        llm = Mortal(99)
        reader = StoredReader(lambda llm=llm: Refine(llm, piece=6), store, "same", "a")
        store.renew(reader.keys([example]))
        reader([example])
        assert len(llm.calls) == 3


def test_engines_of_one_reader_are_apart(store, make_example):
    """The same prompts to two engines of one name are two questions."""
    llm, combiner = ScriptedLLM({"": "a"}), ScriptedLLM({"": "b"})
    reader = StoredReader(lambda: MapReduce(llm, combiner), store, "same", "a")
    [answer] = reader([make_example("1", "Who?", TEXT)])
    assert answer.text == "b"


def test_a_generation_comes_back_whole_and_a_failed_one_does_not(store):
    memory = RememberedGenerations(store)
    scored = TokenLogprobs([(0, 0), (0, 1)], np.array([-0.1, -1.0], np.float32))
    whole = Generation("a", "length", logprobs=scored, thought="hm", note="cut")
    failed = Generation("", "error", error="no")
    wanted = {"a": None, "b": None}
    memory.recall_all("", wanted, lambda _: [whole, failed])
    assert memory.holds("", "a")
    assert not memory.holds("", "b")
    again = memory.recall_all("", wanted, lambda missing: [Generation("new")] * len(missing))
    assert again == {"a": whole, "b": Generation("new")}


def test_what_a_chunker_writes_of_a_document_is_written_once(store, make_example):
    chunker = {"use": "tree", "segment": 6, "llm": {"use": "scripted", "answers": {"": "a summary"}}}
    rag = {"use": "rag", "chunker": chunker, "llm": {"use": "scripted", "answers": {"": "yes"}}}
    readers = {f"k{k}": {**rag, "retriever": {"use": "bm25", "k": k}} for k in (2, 3)}
    specs, engines = Recipe(readers).completed(), []

    def finish(make, kind, spec):
        made = make()
        engines.extend([made] if kind == "llm" and spec["answers"] == {"": "a summary"} else [])
        return made

    built = build_readers(specs, store, finish)
    first, second = (built[name]([make_example("1", "Who saw it?", TEXT)])[0] for name in ("k2", "k3"))
    assert (first.error, second.error) == (None, None)
    assert sum(len(engine.calls) for engine in engines) == 1
    assert first.usage.index_tokens == second.usage.index_tokens > 0, "at the old cost"
    store.renew(built["k2"].keys([make_example("1", "Who saw it?", TEXT)]))
    built["k2"]([make_example("1", "Who saw it?", TEXT)])
    assert sum(len(engine.calls) for engine in engines) == 2, "afresh"
