"""ReadAgent by hand."""

import pytest

from rlc.data.records import Evidence
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.read_agent import Page, ReadAgent, memory_of

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


def test_the_memory_by_hand():
    pages = [Page("One in full. ", Evidence("d", 0, 13), "one"), Page("Two.", Evidence("d", 13, 17), "two")]
    assert memory_of(pages) == "Page 1:\none\n\nPage 2:\ntwo"
    assert memory_of(pages, [0]) == "Page 1:\nOne in full.\n\nPage 2:\ntwo"


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="least_words <= most_words"):
        ReadAgent(ScriptedLLM({}), least_words=9, most_words=3)
