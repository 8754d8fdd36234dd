"""Refining by hand."""

from rlc.data.records import Wording
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.refine import Refine

TEXT = "Ann saw a cat.\n\nBob saw a dog.\n\nCyd saw it rain.\n\n"


def script(prompt):
    """The answer so far, and who is in this piece."""
    before = prompt.question.partition("was answered so: ")[2].partition("\n")[0]
    return " ".join([before, prompt.prefix.partition("\n\n")[2].split()[0]]).strip()


def test_every_piece_betters_the_answer(make_example):
    llm = ScriptedLLM(script)
    [answer] = Refine(llm, piece=6)([make_example("1", "Who?", TEXT)])
    assert answer.text == "Ann Bob Cyd"
    assert [(step.name, step.round, step.text) for step in answer.steps] == [
        ("answer", 0, "Ann"), ("refine", 1, "Ann Bob"), ("refine", 2, "Ann Bob Cyd"),
    ]  # fmt: skip
    assert (answer.usage.calls, answer.usage.rounds) == (3, 3)


def test_a_document_of_one_piece_is_read_once(make_example):
    [answer] = Refine(ScriptedLLM(script))([make_example("1", "Who?", TEXT)])
    assert (answer.text, answer.usage.calls) == ("Ann", 1)


def test_the_authors_wording_stands_in_every_prompt(make_example):
    llm = ScriptedLLM({"": "A"})
    wording = Wording("Text: {text}\n", "Which of A, B? {question}", 3)
    Refine(llm, piece=6)([make_example("1", "Who?", TEXT, wording=wording)])
    assert all("Which of A, B? Who?" in call.prompts[0].question for call in llm.calls)
    assert [call.max_tokens for call in llm.calls] == [3, 3, 3]


def test_a_window_without_room_says_so(make_example):
    [answer] = Refine(ScriptedLLM(script, window=300))([make_example("1", "Who?", TEXT)])
    assert answer.error.startswith("ContextOverflowError: no room for a text beside the question")
    assert answer.usage.calls == 0
