"""Iterative retrieval by hand, each method."""

import pytest

from rlc.chunkers import SentenceChunker
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.iterative import Iterative
from rlc.pipeline.readers.support.reasoning import Thought
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever

TEXT = (
    "The lighthouse was built by Ann Lowe. Ann Lowe was born in Norwich. Norwich lies in the county of Norfolk. "
    "Cats sleep in the harbour."
)
QUESTION = "Where was the builder of the lighthouse born?"


def searcher(k=1):
    return Searcher(SentenceChunker(size=9), lambda chunks: BM25Retriever.from_documents(chunks, k=k))


def recite(*texts):
    """One text after the other, whatever is asked."""
    said = iter(texts)
    return ScriptedLLM(lambda _: next(said))


def names(answer):
    return [(step.name, step.text) for step in answer.steps]


@pytest.fixture
def example(make_example):
    return make_example("1", QUESTION, TEXT)


def test_iter_drag_follows_up_with_all_that_was_found(example):
    llm = recite("Follow up: Where was Ann Lowe born?", "In Norwich.", "So the final answer is: Norwich")
    [answer] = Iterative(searcher(), llm)([example])
    assert answer.text == "Norwich"
    assert names(answer) == [
        ("search", QUESTION),
        ("think", "Follow up: Where was Ann Lowe born?"),
        ("search", "Where was Ann Lowe born?"),
        ("sub-answer", "In Norwich."),
        ("think", "So the final answer is: Norwich"),
    ]
    last = llm.calls[-1].prompts[0]
    first, second = last.prefix.index("built by Ann"), last.prefix.index("born in Norwich")
    assert first < second, "the newest stands nearest to the question"
    assert "Follow up: Where was Ann Lowe born?\nIntermediate answer: In Norwich." in last.question
    assert [TEXT[one.start : one.end].split()[0] for one in answer.evidence] == ["Ann", "The"]
    assert (answer.usage.calls, answer.usage.rounds) == (3, 3)


def test_the_last_answer_can_be_forced_by_its_first_words(example):
    llm = recite(*["Follow up: lighthouse?", "Unknown."] * 2, " Norwich")
    [answer] = Iterative(searcher(), llm, rounds=2, forced=True)([example])
    assert answer.text == "Norwich"
    replies = [call.prompts[0].reply for call in llm.calls]
    assert replies == ["", "", "", "", "So the final answer is:"]


def test_after_the_last_round_the_answer_is_asked_for(example):
    llm = recite(*["Follow up: lighthouse?", "Unknown."] * 2, "Norwich")
    [answer] = Iterative(searcher(), llm, rounds=2)([example])
    assert (answer.text, answer.steps[-1].name, answer.usage.calls) == ("Norwich", "answer", 5)
    assert "Give the final answer" in llm.calls[-1].prompts[0].question


def test_self_ask_reads_each_follow_up_apart(example):
    llm = recite(
        "Follow up: Who built the lighthouse?",
        "Ann Lowe.",
        "Follow up: Where was Ann Lowe born?",
        "Norwich.",
        "The answer is: Norwich",
    )
    [answer] = Iterative(searcher(), llm, method="self-ask")([example])
    assert answer.text == "Norwich"
    prompts = [call.prompts[0] for call in llm.calls]
    assert [bool(prompt.prefix) for prompt in prompts] == [False, True, False, True, False]
    assert "built by" not in prompts[3].prefix
    assert [step.text for step in answer.steps if step.kind == "search"] == [
        "Who built the lighthouse?", "Where was Ann Lowe born?",
    ]  # fmt: skip


def test_ircot_searches_for_its_thoughts(example):
    llm = recite(
        "Ann Lowe built it. And more.",
        "Ann Lowe was born in Norwich. So",
        "So the answer is: Norwich",
        "Norwich",
    )
    [answer] = Iterative(searcher(), llm, method="ircot")([example])
    searched = [step.text for step in answer.steps if step.kind == "search"]
    assert searched == [QUESTION, "Ann Lowe built it.", "Ann Lowe was born in Norwich."]
    assert answer.text == "Norwich"
    last = llm.calls[-1].prompts[0].question
    assert "Ann Lowe built it. Ann Lowe was born in Norwich. So the answer is: Norwich" in last


def test_iter_retgen_searches_for_question_and_answer(example):
    llm = recite("Ann Lowe", "In Norwich", "Norwich")
    [answer] = Iterative(searcher(), llm, method="iter-retgen")([example])
    searched = [step.text for step in answer.steps if step.kind == "search"]
    assert searched == [QUESTION, f"{QUESTION} Ann Lowe", f"{QUESTION} In Norwich"]
    assert (answer.text, answer.usage.calls, len(answer.evidence)) == ("Norwich", 3, 1)


@pytest.mark.parametrize("method", ["iter-drag", "ircot", "iter-retgen", "self-ask"])
def test_no_method_reads_more_than_it_says(method, make_example):
    examples = [make_example("1", QUESTION, TEXT * 20)]
    said = "Follow up: Where is it, who saw it, and what was it that they built there?"
    llm = ScriptedLLM(
        lambda prompt: said if "Follow up:" in prompt.question else "The harbour lighthouse cats. " * 9
    )
    search = Searcher(SentenceChunker(size=30), BM25Retriever.from_documents)
    reader = Iterative(search, llm, method=method, rounds=3, thought_tokens=30)
    loads = reader.reads(examples)
    [answer] = reader(examples)
    assert answer.error is None
    assert answer.usage.calls == sum(load.questions for load in loads), "no round was left out"
    asked = [step.usage.prompt_tokens for step in answer.steps if step.kind == "ask"]
    assert all(given <= load.length for given, load in zip(asked, loads, strict=True))


def test_what_does_not_fit_is_dropped_oldest_first_and_counted(make_example):
    llm = recite("Follow up: Norwich county?", "Norfolk.", "So the final answer is: Norfolk")
    window = 256 + 128 + 16 + 50
    llm.window = window
    [answer] = Iterative(searcher(k=3), llm)([make_example("1", QUESTION, TEXT)])
    assert answer.error is None
    assert answer.usage.cut_tokens > 0
    assert "Norwich lies in the county" in llm.calls[-1].prompts[0].prefix


def test_a_question_that_finds_nothing_says_so(make_example):
    [answer] = Iterative(searcher(), recite())([make_example("1", "Xylophone?", TEXT)])
    assert answer.error.startswith("NothingRetrieved: no passage shares a word with 'Xylophone?'")


def test_what_announces_an_answer():
    said = ["So the final answer is: 7", "the ANSWER is Bob.", "Bob", "So the answer is:\n4"]
    assert [Thought(one).answer for one in said] == ["7", "Bob.", "Bob", "4"]
    assert [Thought(one).sentence for one in ("Ann ran. Bob sat.", "", "no end")] == [
        "Ann ran.",
        "",
        "no end",
    ]


def test_no_rounds_are_refused():
    with pytest.raises(ValueError, match="at least 1 round, got 0"):
        Iterative(searcher(), recite(), rounds=0)
