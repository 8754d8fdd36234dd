"""Gists by hand: pages that a model cuts and shortens."""

import pytest

from rlc.chunkers import GistChunker
from rlc.data.errors import EngineError
from rlc.data.protocols import Generation
from rlc.data.records import Document
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers import BM25Retriever

PARTS = [
    f"{name} saw {what}. " + "It rained all day. " * 18 + "\n\n"
    for name, what in (("Ann", "a cat"), ("Bob", "a dog"), ("Cyd", "a hen"))
]
DOCUMENT = Document(id="d", page_content="".join(PARTS))


def script(prompt):
    """The first page ends at the first label; a gist names whom its page is about by another word."""
    if "break off" in prompt.question:
        return "<1>" if "Ann" in prompt.question else ""
    return next(gist for name, gist in (("Ann", "Annette"), ("Bob", "Robert")) if name in prompt.question)


def chunker(**settings):
    return GistChunker(ScriptedLLM(script), least_words=60, most_words=160, **settings)


def test_pages_are_found_by_their_gists():
    pages = chunker().split(DOCUMENT)
    assert [page.page_content for page in pages] == [PARTS[0], PARTS[1] + PARTS[2]]
    assert [page.metadata["text_to_embed"] for page in pages] == ["Annette", "Robert"]
    assert all("text_to_read" not in page.metadata for page in pages)
    asked = chunker()
    asked.split(DOCUMENT)
    spent = sum(asked.llm.count(prompt) for call in asked.llm.calls for prompt in call.prompts)
    written = sum(page.metadata["index_tokens"] for page in pages) - spent
    assert written == sum(map(asked.llm.tokenizer.count, ["<1>", "Annette", "Robert"]))


@pytest.mark.parametrize(("read", "shown"), [("page", PARTS[0]), ("gist", "Annette")])
def test_a_page_or_its_gist_is_read(read, shown):
    library = Searcher(chunker(read=read), BM25Retriever.from_documents).open(DOCUMENT)
    [(passages, _)] = library.search(["Annette"])
    assert passages[0].page_content == shown
    assert (passages[0].metadata["start_index"], passages[0].metadata["end_index"]) == (0, len(PARTS[0]))


@pytest.mark.parametrize("said", [Generation("", "error", error="gone"), ""])
def test_without_a_gist_nothing_is_indexed(said):
    llm = ScriptedLLM(lambda prompt: said if "Shorten" in prompt.question else "<1>")
    with pytest.raises(EngineError, match="wrote no gist"):
        GistChunker(llm).split(DOCUMENT)


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="least_words <= most_words"):
        GistChunker(ScriptedLLM({}), least_words=9, most_words=3)
    with pytest.raises(ValueError, match="gist_tokens must be at least 1, got 0"):
        GistChunker(ScriptedLLM({}), gist_tokens=0)
