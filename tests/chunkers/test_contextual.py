import pytest

from rlc.chunkers import ContextualChunker, SentenceChunker
from rlc.data.errors import ContextOverflowError, EngineError
from rlc.data.protocols import Generation, Prompt
from rlc.data.records import Document, Usage
from rlc.data.tokens import ApproximateTokenizer

TEXT = "# Cats\nCats sleep.\n"
DOCUMENT = Document(page_content=TEXT, id="d", metadata={"title": "Pets", "year": 1871})


class Summarist:
    name, window, tokenizer = "summarist", 200, ApproximateTokenizer()

    def __init__(self, error=None):
        self.error = error
        self.prompts = []

    def count(self, prompt):
        return self.tokenizer.count(prompt.prefix + prompt.question)

    def generate(self, prompts, **settings):
        self.prompts += prompts
        used = Usage(prompt_tokens=self.count(prompts[0]), output_tokens=3)
        return [Generation(" A book on pets. ", usage=used, error=self.error)]


def test_context_goes_in_front_of_what_is_embedded():
    [chunk] = ContextualChunker().split(DOCUMENT)
    assert chunk.page_content == TEXT
    assert chunk.metadata["text_to_embed"] == "Pets\nCats\n\n" + TEXT
    assert "text_to_embed" not in DOCUMENT.metadata


def test_any_field_can_be_context():
    [chunk] = ContextualChunker(inner=SentenceChunker(), fields=["year", "absent"]).split(DOCUMENT)
    assert chunk.metadata["text_to_embed"] == "1871\n\n" + TEXT


def test_without_context_a_chunk_stays_as_it_was():
    inner = SentenceChunker()
    plain = Document(page_content=TEXT, id="d")
    assert ContextualChunker(inner).split(plain) == inner.split(plain)


def test_a_summary_is_written_once_a_document_and_costs_tokens():
    llm = Summarist()
    chunks = ContextualChunker(SentenceChunker(size=3), fields=["title"], llm=llm).split(DOCUMENT)
    assert len(chunks) > 1
    assert len(llm.prompts) == 1
    assert all(c.metadata["text_to_embed"].startswith("Pets\nA book on pets.\n\n") for c in chunks)
    assert chunks[0].metadata["index_tokens"] == llm.count(llm.prompts[0]) + 3
    assert all(c.metadata["index_tokens"] == 0 for c in chunks[1:])


def test_a_long_document_is_summarised_from_its_beginning_within_the_window():
    llm = Summarist()
    ContextualChunker(llm=llm, max_tokens=20).split(Document(page_content="word " * 1000))
    [prompt] = llm.prompts
    assert isinstance(prompt, Prompt)
    assert 100 < llm.count(prompt) <= llm.window - 20


def test_an_engine_that_fails_says_so():
    with pytest.raises(EngineError, match="no summary: no memory"):
        ContextualChunker(llm=Summarist(error="no memory")).split(DOCUMENT)


def test_a_window_without_room_is_refused():
    with pytest.raises(ContextOverflowError, match="window of 200 tokens"):
        ContextualChunker(llm=Summarist(), max_tokens=200).split(DOCUMENT)
