"""Every reranker's laws: a permutation's prefix, best first, nothing mutated."""

import numpy as np
import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from stand_ins import build

from rlc.data.lazy import load
from rlc.pipeline.families import STEP
from rlc.retrievers.rerank import RERANKERS
from rlc.retrievers.rerank.base import Reranker
from rlc.retrievers.support.compressor import Compressor

every_reranker = pytest.mark.parametrize("name", sorted(RERANKERS))


class ByLength(Reranker):
    """The one method that a reranker writes."""

    def scores(self, query, texts):
        return np.array([len(text) for text in texts], np.float32)


def documents():
    texts = ["bb", "a", "ccc", "dd"]
    return [
        Document(id=text, page_content=text, metadata={"relevance_score": 4.0 - i, "rank": i + 1})
        for i, text in enumerate(texts)
    ]


def obey(reranker, given):
    """A permutation of what came in, best first, equals as they were; texts and inputs untouched."""
    before = [document.model_copy(deep=True) for document in given]
    found = reranker.compress_documents(given, "Who sat?")
    assert given == before, "what came in is as it was"
    text = {document.id: document.page_content for document in given}
    assert sorted(document.id for document in found) == sorted(text), "a permutation"
    assert all(document.page_content == text[document.id] for document in found), "a permutation"
    places = {document.id: i for i, document in enumerate(given)}
    order = [(-document.metadata["relevance_score"], places[document.id]) for document in found]
    assert order == sorted(order), "best first"
    assert [document.metadata["rank"] for document in found] == list(range(1, len(found) + 1)), "best first"
    again = reranker.compress_documents(given, "Who sat?")
    assert [document.id for document in again] == [document.id for document in found]
    return found


@every_reranker
def test_every_reranker_gives_a_permutation(name, weights, model_server):
    def make(**offered):
        return build(STEP, name, "[3] > [1]", weights(STEP, name), base_url=model_server, **offered)

    given = documents()
    assert len(obey(make(), given)) == len(given)
    assert obey(make(), given[:1])[0].id == given[0].id
    assert make().compress_documents([], "Who sat?") == []
    assert make(top=2).compress_documents(given, "Who sat?") == obey(make(), given)[:2], "top is a prefix"


class Dropping(ByLength):
    def refine(self, documents, query):
        return super().refine(documents, query)[1:]


class Inventing(ByLength):
    def refine(self, documents, query):
        invented = Document(id="new", page_content="new", metadata={"relevance_score": 9.0, "rank": 0})
        return [invented, *super().refine(documents, query)]


class Rewriting(ByLength):
    def refine(self, documents, query):
        return [
            one.model_copy(update={"page_content": one.page_content + "!"})
            for one in super().refine(documents, query)
        ]


class Unsorted(ByLength):
    def refine(self, documents, query):
        return super().refine(documents, query)[::-1]


class Short(ByLength):
    def scores(self, query, texts):
        return super().scores(query, texts)[1:]


@pytest.mark.parametrize("evil", [Dropping, Inventing, Rewriting, Unsorted, Short])
def test_the_laws_catch_a_reranker_that_breaks_them(evil):
    with pytest.raises((AssertionError, ValueError), match=r"a permutation|best first|3 scores"):
        obey(evil(), documents())


@every_reranker
def test_is_langchains_compressor_with_one_method(name):
    reranker = load(RERANKERS[name])
    assert issubclass(reranker, BaseDocumentCompressor)
    assert reranker.refine is Reranker.refine
    assert reranker.compress_documents is Compressor.compress_documents
    assert reranker.model_config["extra"] == "forbid"


def test_best_first_and_equals_stay_as_they_were():
    found = ByLength().compress_documents(documents(), "q")
    assert [document.id for document in found] == ["ccc", "bb", "dd", "a"]
    assert found[0].metadata == {"relevance_score": 3.0, "rank": 1, "rank_before": 3, "score_before": 2.0}


def test_top_is_a_prefix_and_inputs_stay():
    given = documents()
    assert ByLength(top=2).refine(given, "q") == ByLength().refine(given, "q")[:2]
    assert given == documents()


def test_no_documents():
    assert ByLength().refine([], "q") == []


def test_unknown_settings_are_errors():
    with pytest.raises(ValueError, match="Extra inputs"):
        ByLength(tops=2)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        ByLength(top=0)
