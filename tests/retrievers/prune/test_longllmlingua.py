import numpy as np
import pytest
from langchain_core.documents import Document

from rlc.data.errors import ContextOverflowError
from rlc.data.protocols import TokenLogprobs
from rlc.pipeline.llms.hf import HfLLM
from rlc.retrievers.prune.longllmlingua import LongLLMLinguaPruner, allowances, coarse, fine, highest

TEXTS = ["The cat sat on the mat.", "Net income rose in May.", "A bird sings."]
QUERY = "Who sat?"


@pytest.fixture(scope="module")
def llm(tiny_llm_folder):
    return HfLLM(str(tiny_llm_folder), device="cpu", dtype="float32")


def documents():
    return [Document(id=text, page_content=text) for text in TEXTS]


def test_shares_by_hand():
    assert coarse([10, 10, 10], 15) == 2
    assert coarse([10, 10, 10], 100) == 3
    assert allowances([10, 10, 10], 15, 0.3) == [8, 5, 2]
    assert allowances([100, 10], 20, 0.3) == [20, 0]
    assert allowances([], 5, 0.3) == []
    assert highest(np.array([0.1, 0.9, 0.9, 0.5]), 2) == [1, 2]


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.9])
def test_the_budget_is_never_exceeded(llm, ratio):
    pruner = LongLLMLinguaPruner(llm=llm, ratio=ratio, spare=5)
    found = pruner.refine(documents(), QUERY)
    kept = 0
    for document in found:
        spans = document.metadata["kept_spans"]
        assert "".join(document.id[start:end] for start, end in spans) == document.page_content
        [given] = llm.logprobs([""], [document.id])
        kept += sum(any(s <= start < e for s, e in spans) for start, _ in given.spans)
    assert 0 < kept <= (1 - ratio) * sum(len(one.values) for one in llm.logprobs([""] * 3, TEXTS))


def test_the_tokens_that_the_question_explains_best():
    spans = [(0, 2), (2, 3), (3, 7)]
    plain, asked = (TokenLogprobs(spans, np.array(v, np.float32)) for v in ([-1, -2, -3], [-2, -1, -1]))
    assert fine(plain, asked, 1) == ((3, 7),)
    assert fine(plain, asked, 2) == ((2, 7),)


def test_ratio_0_changes_nothing_but_the_order(llm):
    found = LongLLMLinguaPruner(llm=llm, ratio=0).refine(documents(), QUERY)
    assert [document.page_content for document in found] == TEXTS
    ranked = LongLLMLinguaPruner(llm=llm, ratio=0, order="perplexity")
    scores = [document.metadata["prune_score"] for document in ranked.refine(documents(), QUERY)]
    assert scores == sorted(scores, reverse=True)


def test_too_long_a_passage(llm):
    with pytest.raises(ContextOverflowError, match="cut smaller passages"):
        LongLLMLinguaPruner(llm=llm).refine([Document(page_content="x" * 600)], QUERY)


def test_an_engine_without_logprobs_is_refused():
    with pytest.raises(ValueError, match="Scorer"):
        LongLLMLinguaPruner(llm=object())
