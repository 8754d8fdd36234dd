import pytest

from rlc.chunkers import PassagesChunker, SentenceChunker
from rlc.data.errors import DataError
from rlc.data.records import Document


def test_it_cuts_at_the_marks():
    document = Document(id="d", page_content="One.\n\nTwo.", metadata={"passages": ((0, 4), (6, 10))})
    chunks = PassagesChunker().split(document)
    assert [chunk.page_content for chunk in chunks] == ["One.", "Two."]
    assert all("passages" not in chunk.metadata for chunk in chunks)  # a chunk is one of them


def test_without_marks_it_asks_the_inner_one_or_says_so():
    document = Document(id="d", page_content="One. Two.")
    assert PassagesChunker(SentenceChunker(size=9)).split(document)[0].page_content == "One. Two."
    with pytest.raises(DataError, match="'d' marks no passages"):
        PassagesChunker().split(document)
