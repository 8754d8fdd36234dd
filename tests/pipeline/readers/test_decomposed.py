"""Decomposed prompting by hand: two simpler questions, the second of which needs the first's answer."""

import pytest

from rlc.chunkers import SentenceChunker
from rlc.data.protocols import Generation
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.decomposed import Decomposed, with_answers
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.readers.rag import RagReader
from rlc.retrievers import BM25Retriever

TEXT = "Ann built it. Ann died in 1790."


def script(prompt):
    if "simpler questions whose" in prompt.question:
        return "These:\n1. Who built it?\n2. When did #1 die?\n3. And who was #9?"
    return {"Who built it?": "Ann", "When did Ann die?": "1790"}.get(asked(prompt), "done")


def asked(prompt):
    return prompt.question.removeprefix("Question: ").partition("\n")[0]


def test_simpler_questions_are_answered_in_turn(make_example):
    llm, handler = ScriptedLLM(script), ScriptedLLM(script)
    rag = RagReader(SentenceChunker(size=8), BM25Retriever.from_documents, handler)
    [answer] = Decomposed(llm, rag, parts=2)([make_example("1", "When did its builder die?", TEXT)])
    assert (answer.error, answer.text) == (None, "done")
    assert [step.name for step in answer.steps] == ["decompose", "part", "part", "answer"]
    assert [asked(call.prompts[0]) for call in handler.calls] == ["Who built it?", "When did Ann die?"]
    [last] = llm.calls[-1].prompts
    assert (
        "Question: Who built it?\nAnswer: Ann\n\nQuestion: When did Ann die?\nAnswer: 1790\n\n" in last.prefix
    )
    assert (answer.usage.calls, answer.usage.rounds) == (4, 4)
    assert {TEXT[one.start : one.end].strip() for one in answer.evidence} == {
        "Ann built it.",
        "Ann died in 1790.",
    }


def test_a_simple_question_is_handed_on_as_it_is(make_example):
    llm = ScriptedLLM({"": "It is simple."})
    [answer] = Decomposed(llm, LongReader(llm))([make_example("1", "Who built it?", TEXT)])
    assert [step.name for step in answer.steps] == ["decompose", "part", "answer"]
    assert asked(llm.calls[1].prompts[0]) == "Who built it?"


def test_a_handler_that_fails_fails_the_question_with_its_cost(make_example):
    handler = LongReader(ScriptedLLM(lambda prompt: Generation("", "error", error="gone")))
    [answer] = Decomposed(ScriptedLLM(script), handler)([make_example("1", "When?", TEXT)])
    assert "failed on 'Who built it?'" in answer.error
    assert answer.usage.calls == 2


def test_answers_are_put_in_by_number():
    assert with_answers("#1, #2 and #3?", ["Ann", "Bob #1"]) == "Ann, Bob #1 and #3?"


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="parts=0"):
        Decomposed(ScriptedLLM({}), LongReader(ScriptedLLM({})), parts=0)
