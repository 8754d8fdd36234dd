import asyncio

import pytest
from langchain_core.documents import BaseDocumentTransformer
from langchain_core.runnables import RunnableLambda

from rlc.chunkers import CHUNKERS, RecursiveChunker
from rlc.chunkers.base import Chunker, Span
from rlc.data.lazy import load
from rlc.data.records import Document


class Ends(Chunker):
    """The first and the last three characters, twice the last, and what lies between if it is blank."""

    def spans(self, text):
        end = len(text)
        last = Span(end - 3, end, {"suffix": "#1", "kind": "last"})
        return [Span(0, 3), Span(3, end - 3), Span(end - 3, end, {"suffix": "#0"}), last]


def test_spans_become_documents():
    chunks = Ends().split(Document(page_content="abc  def", id="d", metadata={"title": "T"}))
    assert [c.id for c in chunks] == ["d:0-3", "d:5-8#0", "d:5-8#1"]
    assert chunks[2].page_content == "def"
    assert chunks[2].metadata == {
        "title": "T",
        "source": "d",
        "start_index": 5,
        "end_index": 8,
        "chunk_index": 2,
        "kind": "last",
    }


def test_chunkers_work_in_a_langchain_pipeline():
    chunker = RecursiveChunker(size=2)
    documents = [Document(page_content="a b c"), Document(page_content="d")]
    texts = RunnableLambda(chunker.transform_documents) | (lambda chunks: [c.page_content for c in chunks])
    assert texts.invoke(documents) == ["a b ", "c", "d"]
    assert asyncio.run(chunker.atransform_documents(documents)) == chunker.transform_documents(documents)


@pytest.mark.parametrize("name", sorted(CHUNKERS))
def test_every_entry_is_a_document_transformer(name):
    assert issubclass(load(CHUNKERS[name]), Chunker)
    assert issubclass(load(CHUNKERS[name]), BaseDocumentTransformer)
