"""Structured notes by hand."""

from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.notes import Notes

PARTS = [f"{name} saw a cat.\n\n" for name in ("Ann", "Bob")]
TEXT = "".join(PARTS)


def script(prompt):
    if "Rewrite this text" in prompt.question:
        name = prompt.question.split("dates.")[1].split()[0]
        return f"SCOPE: {name}\n1. sight\n   1.1 {name} saw a cat."
    return "from notes" if "SCOPE: Ann" in prompt.prefix and "SCOPE: Bob" in prompt.prefix else "?"


def test_notes_are_made_once_and_read_by_all_questions(make_example):
    llm = ScriptedLLM(script)
    examples = [make_example("1", "Who?", TEXT), make_example("2", "What?", TEXT)]
    first, second = Notes(llm, piece=6)(examples)
    assert [step.name for step in first.steps] == ["structure", "structure", "answer"]
    assert (first.text, second.text) == ("from notes", "from notes")
    assert (first.usage.calls, first.usage.rounds, second.usage.calls) == (3, 2, 1)
    assert first.usage.index_tokens > second.usage.index_tokens == 0
    one, two = llm.calls[-1].prompts
    assert one.prefix == two.prefix
    assert one.prefix.index("SCOPE: Ann") < one.prefix.index("SCOPE: Bob")


def test_notes_that_do_not_fit_are_cut_or_refused(make_example):
    llm = ScriptedLLM({"": "1. a detail of it " * 20}, window=520)
    example = make_example("1", "Who?", TEXT * 5)
    assert Notes(llm, piece=12, note_tokens=100)([example])[0].usage.cut_tokens > 0
    refused = Notes(llm, piece=12, note_tokens=100, overflow="refuse")([example])[0]
    assert refused.error.startswith("ContextOverflowError")
