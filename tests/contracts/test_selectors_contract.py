"""Every selector's laws: some of what came in, whole and in its order."""

import pytest
from langchain_core.documents import Document
from stand_ins import build

from rlc.pipeline.families import STEP
from rlc.retrievers import SELECTORS
from rlc.retrievers.support.compressor import Compressor

every_selector = pytest.mark.parametrize("name", sorted(SELECTORS))
TEXTS = ["the cat sat on the mat", "a dog ran", "net income rose", "a bird sings", "the cat sat on the mat"]


def documents():
    return [
        Document(id=f"d{i}", page_content=text, metadata={"relevance_score": 5.0 - i, "rank": i + 1})
        for i, text in enumerate(TEXTS)
    ]


def obey(selector, given):
    """Passages that came in, each once, as they were; the same again."""
    before = [document.model_copy(deep=True) for document in given]
    found = selector.compress_documents(given, "Who sat?")
    assert given == before, "what came in is as it was"
    text = {document.id: document.page_content for document in given}
    assert len({document.id for document in found}) == len(found), "some of what came in"
    assert all(text.get(document.id) == document.page_content for document in found), "some of what came in"
    assert selector.compress_documents(given, "Who sat?") == found
    return found


@every_selector
def test_every_selector_keeps_some_of_what_came_in(name):
    selector = build(STEP, name)
    assert isinstance(selector, Compressor)
    assert 0 < len(obey(selector, documents())) <= len(TEXTS)
    assert len(obey(selector, documents()[:1])) == 1
    assert obey(selector, []) == []


class Doubling(Compressor):
    def refine(self, documents, query):
        return [*documents, *documents]


class Inventing(Compressor):
    def refine(self, documents, query):
        return [Document(id="new", page_content="new")]


class Touching(Compressor):
    def refine(self, documents, query):
        documents[0].metadata["seen"] = True
        return documents


@pytest.mark.parametrize("evil", [Doubling, Inventing, Touching])
def test_the_laws_catch_a_selector_that_breaks_them(evil):
    with pytest.raises(AssertionError, match=r"came in"):
        obey(evil(), documents())
