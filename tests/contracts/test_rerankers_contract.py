"""Every reranker's laws: a permutation's prefix, best first, nothing mutated."""

import numpy as np
import pytest
from langchain_core.documents import BaseDocumentCompressor, Document

from rlc.data.lazy import load
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
