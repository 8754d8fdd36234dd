"""Prompts in files: found by language or path, held against their places, filled in one pass."""

import pytest

from rlc.chunkers.contextual import ContextualChunker
from rlc.data.errors import SpecError
from rlc.data.prompt_files import PromptTexts, read_prompts, shipped_languages
from rlc.data.protocols import Prompt
from rlc.pipeline.families import BUILDER, CHUNKER, READER
from rlc.pipeline.identity import identity, revisions
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.retrievers.hyde import HydeRetriever

LLM = {"use": "scripted", "answers": {"": "Bo."}}
GERMAN = 'language = "de"\n[summary]\nprefix = "{text}"\nquestion = "Worum geht es?"\n'


def test_what_is_filled_in_is_not_searched_for_places():
    texts = PromptTexts("en", {"ask.prefix": "{passages}\n", "ask.question": "{question} {other}"}, "")
    prompt = texts.prompt("ask", passages="{question} {0}", question="Who {passages}?")
    assert prompt == Prompt("{question} {0}\n", "Who {passages}? {other}")


def test_a_word_of_a_table_or_the_other():
    texts = PromptTexts("en", {"source.book": "a book", "source.other": "a text"}, "")
    assert [texts.one_of("source", kind) for kind in ("book", "paper")] == ["a book", "a text"]


def test_what_ships_is_found_beside_the_method():
    assert "en" in shipped_languages(HydeRetriever)
    assert read_prompts(HydeRetriever).prompt("ask", query="Who?") == Prompt(
        "", "Write a short passage that answers the following question.\n\nQuestion: Who?"
    )


def test_a_users_file_is_asked_with_and_is_part_of_what_a_reader_is(tmp_path):
    file = tmp_path / "kurz.toml"
    file.write_text(GERMAN, encoding="utf-8")
    chunker = {
        "use": "contextual",
        "llm": {"use": "scripted", "answers": {"Worum": "Um Bo."}},
        "prompt": str(file),
    }
    spec = BUILDER.complete({"use": "rag", "chunker": chunker, "retriever": "bm25", "llm": LLM}, READER, "r")
    before = identity(spec)
    assert list(revisions(spec)) == [f"contextual.prompt={file}"]
    built = BUILDER.build(BUILDER.complete(chunker, CHUNKER, "c"), CHUNKER, "c")
    assert built._summary("Bo lebt hier.")[0] == "Um Bo."
    file.write_text(GERMAN.replace("Worum", "Wovon"), encoding="utf-8")
    assert identity(spec) != before


def test_the_default_leaves_the_identity_of_stored_answers_alone():
    def completed(**more):
        chunker = {"use": "contextual", **more}
        return BUILDER.complete(
            {"use": "rag", "chunker": chunker, "retriever": "bm25", "llm": LLM}, READER, "r"
        )

    plain = completed()
    assert plain["chunker"]["prompt"] == "en"
    assert revisions(plain) == {}
    without = {**plain, "chunker": {k: v for k, v in plain["chunker"].items() if k != "prompt"}}
    assert identity(without) == identity(plain)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[summary]\nprefix = "{text}"\n',
            "has no text summary.question; it needs summary.prefix, summary.question",
        ),
        ('[summary]\nprefix = "x"\nquestion = "?"\n', r"summary.prefix must hold \{text\}"),
        ('[summary]\nprefix = "{text} {tixt}"\nquestion = "?"\n', "no place 'tixt'; did you mean 'text'"),
        ("[summary", "is no TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_what_it_needs(tmp_path, text, said):
    file = tmp_path / "mine.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=said):
        read_prompts(ContextualChunker, str(file))
    with pytest.raises(SpecError, match="c"):
        BUILDER.complete({"use": "contextual", "prompt": str(file)}, CHUNKER, "c")


def test_an_unknown_language_is_told_with_those_that_ship():
    with pytest.raises(SpecError, match=r"no prompt language 'xx'; known: en; or name a \.toml file"):
        read_prompts(ContextualChunker, "xx")


def test_a_document_with_braces_stays_as_it_is():
    llm = ScriptedLLM({"": "A set."})
    chunker = ContextualChunker(llm=llm)
    chunker._summary("f = {text: {question}}")
    assert llm.calls[0].prompts[0].prefix == "f = {text: {question}}"
