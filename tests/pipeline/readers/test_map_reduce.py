"""Map-reduce by hand."""

import pytest

from rlc.data.records import Evidence, Wording
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.map_reduce import MapReduce

TEXT = "Ann saw a cat.\n\nBob saw a dog.\n\nCyd saw it rain.\n\n"


def script(prompt):
    """Notes that name who is in the text; what is combined and asked in the end tells all names."""
    names = [name for name in ("Ann", "Bob") if name in prompt.prefix + prompt.question]
    return " and ".join(names) or "Nothing."


@pytest.fixture
def example(make_example):
    return make_example("1", "Who?", TEXT)


def test_notes_of_all_pieces_at_once_then_an_answer(example):
    llm = ScriptedLLM(script)
    [answer] = MapReduce(llm, piece=6)([example])
    assert answer.text == "Ann and Bob"
    assert [len(call.prompts) for call in llm.calls] == [3, 1]
    assert [call.max_tokens for call in llm.calls] == [256, 64]
    assert [(step.name, step.round, step.text) for step in answer.steps] == [
        ("map", 0, "Ann"), ("map", 0, "Bob"), ("map", 0, "Nothing."), ("reduce", 1, "Ann and Bob"),
    ]  # fmt: skip
    assert "Ann\n\nBob" in llm.calls[1].prompts[0].prefix
    assert answer.evidence == (Evidence("d", 0, 16), Evidence("d", 16, 32)), "what tells nothing is left out"
    assert (answer.usage.calls, answer.usage.rounds) == (4, 2)


def test_another_model_may_combine_and_answer(example):
    llm, combiner = ScriptedLLM(script), ScriptedLLM({"": "all of them"})
    [answer] = MapReduce(llm, combiner, piece=6)([example])
    assert answer.text == "all of them"
    assert (len(llm.calls), len(combiner.calls)) == (1, 1)


def test_notes_that_do_not_fit_are_combined_first(make_example):
    llm = ScriptedLLM(lambda prompt: "word " * (30 if "part of" in prompt.prefix else 5), window=500)
    example = make_example("1", "Who?", TEXT * 8)
    [answer] = MapReduce(llm, piece=6, note_tokens=40)([example])
    assert answer.error is None
    assert {step.name for step in answer.steps} == {"map", "combine", "reduce"}
    assert answer.steps[-1].usage.prompt_tokens <= 500 - 64


def test_where_no_two_notes_fit_it_says_so(make_example):
    llm = ScriptedLLM(lambda _: "word " * 200, window=600)
    [answer] = MapReduce(llm, piece=6, note_tokens=200)([make_example("1", "Who?", TEXT)])
    assert "shorter notes" in answer.error
    assert answer.usage.calls == 3, "what it cost is told"


def test_where_no_piece_tells_anything_the_answer_says_so(make_example):
    llm = ScriptedLLM(lambda prompt: "NOTHING." if "part of" in prompt.prefix else prompt.prefix)
    [answer] = MapReduce(llm)([make_example("1", "Who?", TEXT)])
    assert "Nothing in it bears on the question" in answer.text
    assert answer.evidence == ()


def test_the_authors_wording_is_that_of_the_last_prompt(make_example):
    llm = ScriptedLLM(script)
    wording = Wording("Text: {text}\n", "Q: {question} A:", 7)
    MapReduce(llm, piece=6)([make_example("1", "Who?", TEXT, wording=wording)])
    last = llm.calls[-1]
    assert (last.prompts[0].prefix, last.prompts[0].question, last.max_tokens) == (
        "Text: Ann\n\nBob\n", "Q: Who? A:", 7,
    )  # fmt: skip


def test_a_document_without_text_fails_its_question(make_example):
    [answer] = MapReduce(ScriptedLLM(script))([make_example("1", "Who?", " ")])
    assert answer.error == "DataError: the document 'd' holds no text"
