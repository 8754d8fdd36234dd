from dataclasses import replace

import pytest

from rlc.chunkers import RecursiveChunker
from rlc.data.prompt_files import read_prompts
from rlc.data.records import Wording
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.prompts import closed_prompt, long_prompt, rag_prompt
from rlc.pipeline.readers import ClosedBookReader, LongReader, RagReader
from rlc.retrievers import BM25Retriever

LONG, RAG, CLOSED = map(read_prompts, (LongReader, RagReader, ClosedBookReader))


def test_the_long_prompt_by_hand():
    prompt = long_prompt(LONG, "book", "Once.", "Who?")
    assert prompt.prefix == "Read the book below and answer a question.\n\nOnce.\n\n"
    assert prompt.question == "Question: Who?\n\nBe concise."
    assert prompt.system == "You are a helpful assistant"


def test_the_rag_prompt_by_hand():
    prompt = rag_prompt(RAG, "financial", ["one", "two"], "Who?")
    assert prompt.prefix == (
        "Here are some chunks retrieved from a financial statement. Read these chunks to answer a question.\n\n"
        "chunk 1: one\n\nchunk 2: two\n\n"
    )
    assert prompt.question == "Question: Who?\n\nBe concise."


def test_the_closed_prompt_has_no_text():
    assert closed_prompt(CLOSED, "Who?").prefix == "Answer a question from memory.\n\n"


@pytest.mark.parametrize("kind", ["book", "paper", "financial", "", "poem"])
def test_the_prefix_is_the_same_for_every_question(kind):
    assert long_prompt(LONG, kind, "text", "a").prefix == long_prompt(LONG, kind, "text", "b {text}").prefix
    assert rag_prompt(RAG, kind, ["text"], "a").prefix == rag_prompt(RAG, kind, ["text"], "b").prefix


def test_braces_in_the_text_stay():
    assert "{x} %s \\n" in long_prompt(LONG, "paper", "{x} %s \\n", "Who?").prefix


def test_the_authors_wording_is_put_around_the_text():
    wording = Wording("Read.\n{text}\n", "Q: {question}\nA:", 32)
    whole = long_prompt(LONG, "book", "Once. {question}", "Who?", wording)
    assert (whole.prefix, whole.question, whole.system) == ("Read.\nOnce. {question}\n", "Q: Who?\nA:", "")
    assert rag_prompt(RAG, "book", ["one", "two"], "Who?", wording).prefix == "Read.\none\n\ntwo\n"
    assert closed_prompt(CLOSED, "Who?", wording).question == "Q: Who?\nA:"


@pytest.mark.parametrize(("language", "asks"), [("de", "Frage: Wer?"), ("zh", "问题：Wer?")])
def test_the_arms_ask_in_other_languages(language, asks, make_example):
    example = make_example("1", "Wer?", "Es war Ada. Sie kam.")
    llm = ScriptedLLM({"": "Ada."})
    chunker = RecursiveChunker(size=8)
    readers = [
        LongReader(llm, prompt=language),
        RagReader(chunker, BM25Retriever.from_documents, llm, prompt=language),
        ClosedBookReader(llm, prompt=language),
    ]
    for reader in readers:
        reader([replace(example, question="Wer?")])
        [prompt] = llm.calls[-1].prompts
        assert prompt.question.startswith(asks)
        assert "Question" not in prompt.question + prompt.prefix + prompt.system


def test_a_prompt_that_is_chosen_stands_before_the_authors_wording(make_example):
    example = replace(make_example("1", "Wer?", "Ada."), wording=Wording("{text}", "{question}", 5))
    llm = ScriptedLLM({"": "Ada."})
    LongReader(llm, prompt="de")([example])
    assert llm.calls[-1].prompts[0].question == "Frage: Wer?\n\nAntworte kurz."
    assert llm.calls[-1].max_tokens == 5
