"""LongRAG by hand."""

import pytest

from rlc.chunkers import SentenceChunker
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.longrag import LongRag
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever

PARTS = [
    "Ann saw a cat. She fed it.\n\n",
    "Bob saw a dog. He ran off.\n\n",
    "Cyd saw it rain. All was wet.\n\n",
]
TEXT = "".join(PARTS)
SEARCHER = Searcher(SentenceChunker(size=5), BM25Retriever.from_documents)


def script(prompt):
    return (
        "It was Bob, as the text says."
        if "few sentences" in prompt.question
        else f"short of: {prompt.prefix}"
    )


@pytest.fixture
def example(make_example):
    return make_example("1", "Who saw the dog?", TEXT)


def test_the_unit_of_the_best_passage_is_read_then_answered_twice(example):
    llm = ScriptedLLM(script)
    [answer] = LongRag(SEARCHER, llm, unit=10, read=25)([example])
    first, second = (call.prompts[0] for call in llm.calls)
    assert "Bob saw a dog. He ran off." in first.prefix
    assert "Cyd" not in first.prefix
    assert "It was Bob, as the text says." in second.prefix
    assert "short of" in answer.text
    assert [TEXT[one.start : one.end] for one in answer.evidence] == [PARTS[1]]
    assert [(step.name, step.round) for step in answer.steps] == [
        ("search", 0),
        ("long-answer", 0),
        ("short-answer", 1),
    ]
    assert [call.max_tokens for call in llm.calls] == [256, 64]


def test_units_are_read_in_the_texts_order_each_once(make_example):
    llm = ScriptedLLM(script)
    [answer] = LongRag(SEARCHER, llm, unit=10, read=200)(
        [make_example("1", "Who saw the dog? And rain? Who ran off?", TEXT)]
    )
    starts = [one.start for one in answer.evidence]
    assert starts == sorted(set(starts))
    assert len(starts) >= 2


def test_no_more_is_read_than_it_says(make_example):
    llm = ScriptedLLM(script, window=2000)
    reader = LongRag(SEARCHER, llm, unit=50, read=200)
    examples = [make_example("1", "Who saw the dog?", TEXT * 40)]
    first, _ = reader.reads(examples)
    [answer] = reader(examples)
    assert answer.steps[1].usage.prompt_tokens <= first.length
    assert first.tokens <= 200


def test_a_question_that_finds_nothing_says_so(make_example):
    [answer] = LongRag(SEARCHER, ScriptedLLM(script))([make_example("1", "Xylophone?", TEXT)])
    assert answer.error.startswith("NothingRetrieved")
