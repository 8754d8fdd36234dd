import pytest

from rlc.data.records import Wording
from rlc.pipeline.prompts import ask, closed_prompt, long_prompt, rag_prompt


def test_the_long_prompt_by_hand():
    prompt = long_prompt("book", "Once.", "Who?")
    assert prompt.prefix == "Read the book below and answer a question.\n\nOnce.\n\n"
    assert prompt.question == "Question: Who?\n\nBe concise."
    assert prompt.system == "You are a helpful assistant"


def test_the_rag_prompt_by_hand():
    prompt = rag_prompt("financial", ["one", "two"], "Who?")
    assert prompt.prefix == (
        "Here are some chunks retrieved from a financial statement. Read these chunks to answer a question.\n\n"
        "chunk 1: one\n\nchunk 2: two\n\n"
    )
    assert prompt.question == ask("Who?")


def test_the_closed_prompt_has_no_text():
    assert closed_prompt("Who?").prefix == "Answer a question from memory.\n\n"


@pytest.mark.parametrize("kind", ["book", "paper", "financial", "", "poem"])
def test_the_prefix_is_the_same_for_every_question(kind):
    assert long_prompt(kind, "text", "a").prefix == long_prompt(kind, "text", "b {text}").prefix
    assert rag_prompt(kind, ["text"], "a").prefix == rag_prompt(kind, ["text"], "b").prefix


def test_braces_in_the_text_stay():
    assert "{x} %s \\n" in long_prompt("paper", "{x} %s \\n", "Who?").prefix


def test_the_authors_wording_is_put_around_the_text():
    wording = Wording("Read.\n{text}\n", "Q: {question}\nA:", 32)
    whole = long_prompt("book", "Once. {question}", "Who?", wording)
    assert (whole.prefix, whole.question, whole.system) == ("Read.\nOnce. {question}\n", "Q: Who?\nA:", "")
    assert rag_prompt("book", ["one", "two"], "Who?", wording).prefix == "Read.\none\n\ntwo\n"
    assert closed_prompt("Who?", wording).question == "Q: Who?\nA:"
