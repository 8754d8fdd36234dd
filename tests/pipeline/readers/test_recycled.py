"""Recycling the context by hand."""

import pytest

from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.recycled import Recycled

PARTS = [f"{name} saw a cat.\n\n" for name in ("Ann", "Bob", "Cyd", "Dee")]
TEXT = "".join(PARTS)


def script(prompt):
    """An example names who is in its paragraph; the answer names paragraph 3."""
    asked = prompt.prefix + prompt.question
    if "short question" in asked:
        name = asked.rpartition("\n\n")[2].split()[0]
        return f"QUESTION: Who is {name}?\nANSWER: {name} is a person." if name != "Bob" else "I cannot."
    return "PARAGRAPHS: [3], [9]\nANSWER: Cyd."


@pytest.fixture
def reader():
    return Recycled(ScriptedLLM(script), examples=4, paragraph=6)


def test_examples_of_the_document_stand_behind_it(reader, make_example):
    [answer] = reader([make_example("1", "Who saw it?", TEXT)])
    assert [step.name for step in answer.steps] == ["example"] * 4 + ["answer"]
    assert answer.text == "Cyd."
    start = len(PARTS[0] + PARTS[1])
    assert [(one.start, one.end) for one in answer.evidence] == [(start, start + len(PARTS[2]))]
    [prompt] = reader.llm.calls[-1].prompts
    assert "[1] Ann saw a cat.\n\n[2] Bob saw a cat.\n\n[3] Cyd" in prompt.prefix
    assert (
        "Question: Who is Ann?\nPARAGRAPHS: [1]\nANSWER: Ann is a person.\n\nQuestion: Who is Cyd?"
        in prompt.prefix
    )
    assert prompt.question.startswith("Question: Who saw it?")


def test_the_examples_are_made_once_and_read_once_by_all_questions(reader, make_example):
    first, second = reader([make_example("1", "Who saw it?", TEXT), make_example("2", "What was it?", TEXT)])
    assert (first.usage.calls, second.usage.calls) == (5, 1)
    one, two = reader.llm.calls[-1].prompts
    assert one.prefix == two.prefix


def test_what_does_not_fit_is_cut_from_the_middle_and_counted(make_example):
    llm = ScriptedLLM(script, window=520)
    reader = Recycled(llm, examples=1, paragraph=6)
    [answer] = reader([make_example("1", "Who saw it?", TEXT * 4)])
    assert answer.error is None
    assert answer.usage.cut_tokens > 0
    shown = llm.calls[-1].prompts[0].prefix
    assert "[1] Ann" in shown
    assert "[16] Dee" in shown
    assert "[8]" not in shown


def test_an_answer_that_names_no_paragraph_is_taken_as_it_is(make_example):
    [answer] = Recycled(ScriptedLLM({"": "Cyd did."}), paragraph=6)([make_example("1", "Who?", TEXT)])
    assert (answer.text, answer.evidence) == ("Cyd did.", ())


def test_a_window_without_room_for_a_paragraph_is_told(make_example):
    llm = ScriptedLLM(script, window=430)
    [answer] = Recycled(llm, examples=1, paragraph=6)([make_example("1", "Who saw it?", TEXT)])
    assert "fewer examples" in answer.error
