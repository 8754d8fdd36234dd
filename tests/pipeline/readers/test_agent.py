"""The agent by hand: each tool, what it remembers, and what it never runs."""

import json
import time

import pytest

from rlc.chunkers import SentenceChunker
from rlc.data.errors import SpecError
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.agent import Agent
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.tools import Call, call_in, matches, outline_of, place_in
from rlc.retrievers import BM25Retriever

TEXT = "# Animals\n\nAnn saw a cat. Bob saw a dog. Cyd saw a cat, too.\n\n# Weather\n\nIt rained on Sunday."
SEARCHER = Searcher(SentenceChunker(size=8), lambda chunks: BM25Retriever.from_documents(chunks, k=2))


def recite(*lines):
    said = iter(lines)
    return ScriptedLLM(lambda _: next(said), window=4000)


def shown(llm, turn=-1):
    """What the model sees of its own doings at a turn."""
    return llm.calls[turn].prompts[0].question


@pytest.fixture
def example(make_example):
    return make_example("1", "Who saw a dog?", TEXT)


def test_it_looks_until_it_answers(example):
    llm = recite("SEARCH: dog", "GREP: sunday", "COUNT: cat", "OPEN: 11-25", "ANSWER: Bob")
    [answer] = Agent(SEARCHER, llm, around=9)([example])
    assert (answer.text, answer.details, answer.usage.calls, answer.usage.rounds) == (
        "Bob",
        {"turns": 5},
        5,
        5,
    )
    log = shown(llm)
    assert "SEARCH: dog\n[" in log
    assert "Bob saw a dog." in log
    assert "GREP: sunday\n[77-93] ained on Sunday." in log
    assert "COUNT: cat\n2 times" in log
    assert f"OPEN: 11-25\n[11-25] {TEXT[11:25].strip()}" in log
    assert [step.kind for step in answer.steps] == ["ask", "search", "ask", "ask", "ask", "ask"]
    assert all(TEXT[one.start : one.end] for one in answer.evidence)


def test_the_outline_stands_in_the_prompt(example):
    llm = recite("Bob, surely.")
    [answer] = Agent(SEARCHER, llm)([example])
    assert answer.text == "Bob, surely.", "a text that names no tool is an answer"
    assert (
        f"It has {len(TEXT)} characters.\n[0] Animals\n[{TEXT.index('# Weather')}] Weather"
        in llm.calls[0].prompts[0].prefix
    )


def test_every_place_that_was_found_is_asked(example):
    llm = recite("GREP: saw", "ASK EACH: Who is it?", "Ann", "Bob", "Cyd", "ANSWER: Bob")
    [answer] = Agent(SEARCHER, llm, around=5)([example])
    assert [len(call.prompts) for call in llm.calls] == [1, 1, 3, 1]
    assert [step.name for step in answer.steps] == [
        "decide",
        "decide",
        "ask-each",
        "ask-each",
        "ask-each",
        "decide",
    ]
    assert "] Ann\n[" in shown(llm)
    assert (answer.usage.calls, answer.usage.rounds) == (6, 4)


def test_what_was_shown_is_named_and_what_was_done_is_not_done_again(example):
    llm = recite("OPEN: 11-25", "GREP: ann", "GREP: ann", "OPEN: 11-25", "ANSWER: x")
    Agent(SEARCHER, llm, around=200)([example])
    assert shown(llm).count("(That was done above.)") == 2
    llm = recite("SEARCH: dog", "SEARCH: dog Bob", "ANSWER: x")
    Agent(SEARCHER, llm)([example])
    assert "(shown above)" in shown(llm)


def test_after_its_turns_the_answer_is_asked_for(example):
    llm = recite("GREP: a", "GREP: b", "ANSWER: Bob")
    [answer] = Agent(SEARCHER, llm, turns=2)([example])
    assert (answer.text, answer.steps[-1].name) == ("Bob", "answer")
    assert "no more time" in shown(llm)


def test_it_forgets_the_oldest(make_example):
    llm = recite("OPEN: 0", "OPEN: 2000", "OPEN: 4000", "ANSWER: x")
    [answer] = Agent(SEARCHER, llm, opened=400, memory=150)([make_example("1", "Who?", "word number " * 900)])
    assert "OPEN: 0\n" not in shown(llm)
    assert "OPEN: 4000\n" in shown(llm)
    assert len(answer.evidence) == 3, "what was forgotten was read all the same"


def test_nonsense_is_told_and_costs_a_turn(example):
    llm = recite("OPEN: the door", "OPEN: 99999", "GREP:", "ASK EACH: who?", "ANSWER: x")
    [answer] = Agent(SEARCHER, llm)([example])
    assert shown(llm).count("OPEN takes a number below") == 2
    assert "(nothing was found)" in shown(llm)
    assert "SEARCH or GREP first" in shown(llm)
    assert answer.text == "x"


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "a.*" * 60, "|" * 150, "((a{1000}){1000}){1000}"]
)
def test_no_pattern_takes_long(pattern):
    text = "a" * 20_000 + "\n" + "b a " * 20_000
    started = time.perf_counter()
    list(matches(pattern, text))
    assert time.perf_counter() - started < 3


def test_patterns_by_hand():
    text = "Ann met Bob in 1990.\nBob met Ann. C.D. saw"
    found = [text[a:b] for a, b in matches("ann|BOB", text)]
    assert found == ["Ann", "Bob", "Bob", "Ann"]
    assert [text[a:b] for a, b in matches("ann.*1990", text)] == ["Ann met Bob in 1990"]
    assert list(matches("1990.*Ann", text)) == [], "not across lines"
    assert [text[a:b] for a, b in matches(r"(?i)\bc\.d\.\s+saw", text)] == ["C.D. saw"]


def test_calls_by_hand():
    assert call_in("I will look.\n**search:** Bob\nANSWER: no") == Call("SEARCH", "Bob")
    assert call_in("ANSWER: one\ntwo") == Call("ANSWER", "one\ntwo")
    assert call_in('grep "x y"') == Call("GREP", "x y")
    assert call_in("the search goes on") == Call("ANSWER", "the search goes on")
    assert [place_in(one, 100, 10) for one in ("5", "[5-9]", "95", "200", "x")] == [
        (5, 15),
        (5, 9),
        (95, 100),
        None,
        None,
    ]


def test_many_headings_are_the_highest():
    text = "# A\n\n" + "## b\n\nx\n\n" * 60
    assert outline_of(text) == "[0] A"


def test_calls_under_a_schema(example):
    said = [{"tool": "GREP", "argument": "bob"}, {"tool": "ANSWER", "argument": "Bob"}]
    llm = recite(*map(json.dumps, said))
    [answer] = Agent(SEARCHER, llm, calls="schema")([example])
    assert (answer.text, answer.usage.calls) == ("Bob", 2)
    assert llm.calls[0].schema["properties"]["tool"]["enum"][0] == "SEARCH"
    assert "Call one of these tools" in llm.calls[0].prompts[0].prefix
    assert "GREP: bob\n[" in shown(llm)


def test_a_call_that_is_none_fails_the_question(example):
    [answer] = Agent(SEARCHER, recite('{"tool": "EXEC", "argument": "ls"}'), calls="schema")([example])
    assert "calls = 'lines'" in answer.error
    assert "EXEC" in answer.error


def test_nothing_it_writes_is_a_tool_of_ours(example):
    llm = recite(
        "EXEC: import os",
    )
    [answer] = Agent(SEARCHER, llm)([example])
    assert answer.text == "EXEC: import os"


def test_a_setting_that_is_none():
    from rlc.pipeline.recipe import Recipe

    with pytest.raises(SpecError, match="search"):
        Recipe({"a": {"use": "agent", "llm": {"use": "scripted", "answers": {"": "x"}}}}).completed()
