"""Verifying by hand: an answer stands where the model that read the document finds it likely enough."""

import math

import pytest
from weighing import WeighingLLM

from rlc.data.errors import EngineError, UnsupportedError
from rlc.data.records import Answer, Usage
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.routers.verified import Verified

TEXTS = {"a": "Ann", "b": "Bob", "c": "Unanswerable.", "d": ""}
LIKES = {"Ann": math.exp(-0.5), "Bob": math.exp(-1.5)}  # one token each


def arm(name, texts):
    def answer(examples, /):
        return [
            Answer(texts.get(e.id, "long"), name, usage=Usage(prompt_tokens=10, output_tokens=1, seconds=1.0))
            for e in examples
        ]

    return answer


def engine(**settings):
    return WeighingLLM({"": "x"}, lambda _, option: LIKES[option], window=100_000, **settings)


@pytest.fixture
def examples(make_example):
    return [make_example(name, text="Ann met Bob. " * 20) for name in TEXTS]


def test_by_hand(examples):
    llm = engine()
    answers = Verified(arm("rag", TEXTS), arm("long", {}), llm)(examples)
    assert [answer.route for answer in answers] == ["rag", "long", "long", "long"]
    assert [answer.text for answer in answers] == ["Ann", "long", "long", "long"]
    weights = [answer.details["likelihood"] for answer in answers]
    assert weights[:2] == [pytest.approx(-0.5), pytest.approx(-1.5)]
    assert weights[2:] == [None, None]
    # The document is read for the answers that were weighed; the other arm is charged where it was asked.
    read = llm.count(LongReader(llm)._request(examples[0], {}).prompt)
    assert [answer.usage.prompt_tokens for answer in answers] == [10 + read, 20 + read, 20, 20]
    assert [answer.usage.calls for answer in answers] == [1, 1, 0, 0]


def test_the_threshold(examples):
    verified = Verified(arm("rag", TEXTS), arm("long", {}), engine(), least=-2.0)
    assert [answer.route for answer in verified(examples[:2])] == ["rag", "rag"]
    with pytest.raises(ValueError, match=r"at most 0; got 0\.5"):
        Verified(arm("rag", {}), arm("long", {}), engine(), least=0.5)


def test_what_cannot_be_weighed_is_read(examples):
    class Broken(WeighingLLM):
        def weigh(self, prompts, options):
            raise EngineError("out of memory")

    [answer] = Verified(arm("rag", TEXTS), arm("long", {}), Broken({"": "x"}))(examples[:1])
    assert (answer.route, answer.details["likelihood"], answer.error) == ("long", None, None)


def test_an_engine_that_cannot_weigh_is_refused():
    with pytest.raises(UnsupportedError, match="does not say how likely given answers are"):
        Verified(arm("rag", {}), arm("long", {}), ScriptedLLM({"": "x"}))


def test_a_models_own_answer_stands_and_the_document_is_read_once(tiny_llm_folder, make_example):
    llm = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")
    example = make_example("q", text="The cat saw the theme. ")
    long = LongReader(llm, max_tokens=4)
    [own] = long([example])
    verified = Verified(arm("rag", {"q": own.text}), long, llm, least=-20.0)
    [stands] = verified([example])
    assert stands.route == "rag"
    [read] = Verified(arm("rag", {"q": "zzzz"}), long, llm, least=0.0)([example])
    assert read.text == own.text
    assert read.usage.cached_tokens > 0.9 * read.usage.prompt_tokens / 2
