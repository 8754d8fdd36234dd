"""ReadAgent by hand."""

import pytest

from rlc.data.records import Evidence
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.read_agent import ReadAgent

PARTS = [
    f"{name} saw {what}. " + "It rained all day. " * 18 + "\n\n"
    for name, what in (("Ann", "a cat"), ("Bob", "a dog"), ("Cyd", "a hen"))
]
TEXT = "".join(PARTS)


def script(prompt):
    """Break at the first label, a gist that names who is there, page 2, and an answer that tells what it saw in full."""
    asked = prompt.prefix + prompt.question
    if "break off" in asked:
        return "<1>" if "Ann" in asked else "<9>"
    if "Shorten" in asked:
        return next(name for name in ("Ann", "Bob", "Cyd") if name in asked)
    if "Which pages" in asked:
        return "Pages [2, 7], please."
    return "in full" if "Bob saw a dog" in asked and "Ann saw" not in asked else "from gists"


@pytest.fixture
def reader():
    return ReadAgent(ScriptedLLM(script), least_words=60, most_words=160)


def test_pages_gists_a_look_up_and_an_answer(reader, make_example):
    [answer] = reader([make_example("1", "What did Bob see?", TEXT)])
    assert answer.error is None
    assert [step.name for step in answer.steps] == ["pause", *["gist"] * 2, "look up", "answer"]
    assert [step.text for step in answer.steps[1:3]] == ["Ann", "Bob"]
    assert answer.evidence == (Evidence("d", len(PARTS[0]), len(TEXT)),)
    assert answer.text == "in full"


def test_what_is_remembered_is_made_once_a_document(reader, make_example):
    examples = [make_example(str(i), question, TEXT) for i, question in enumerate(["Who?", "What?"])]
    first, second = reader(examples)
    assert (first.usage.calls, second.usage.calls) == (5, 2)
    assert second.usage.index_tokens == 0


def test_a_label_that_was_not_offered_means_the_last(make_example):
    llm = ScriptedLLM(lambda prompt: "<99>" if "break off" in prompt.question else script(prompt))
    [answer] = ReadAgent(llm, least_words=60, most_words=160)([make_example("1", "Who?", TEXT)])
    assert answer.evidence == (Evidence("d", len(PARTS[0] + PARTS[1]), len(TEXT)),)


def test_pages_that_do_not_fit_are_left_as_gists(make_example):
    llm = ScriptedLLM(script, window=400)
    [answer] = ReadAgent(llm, least_words=60, most_words=160, gist_tokens=20)(
        [make_example("1", "Who?", TEXT)]
    )
    assert (answer.error, answer.evidence, answer.text) == (None, (), "from gists")


def test_the_pages_read_again_stand_in_full_among_the_gists(reader, make_example):
    reader([make_example("1", "What did Bob see?", TEXT)])
    look_up, last = (call.prompts[0].prefix for call in reader.llm.calls[-2:])
    assert "\n\nPage 1:\nAnn\n\nPage 2:\nBob\n\n" in look_up
    assert "\n\nPage 1:\nAnn\n\nPage 2:\nBob saw a dog. It rained" in last


def test_pages_of_a_text_without_spaces(make_example):
    """Two letters are a word: 300 letters are a page of 150, not one word."""
    text = "\n\n".join(["灯塔建于山上" * 25] * 4)
    [answer] = ReadAgent(ScriptedLLM({"": "[1]"}), least_words=60, most_words=160)(
        [make_example("1", "谁？", text)]
    )
    assert [step.name for step in answer.steps].count("gist") == 2


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="least_words <= most_words"):
        ReadAgent(ScriptedLLM({}), least_words=9, most_words=3)
    with pytest.raises(ValueError, match="gist_tokens must be at least 1, got 0"):
        ReadAgent(ScriptedLLM({}), gist_tokens=0)
