import pytest
from langchain_core.documents import Document

from rlc.data.errors import DataError, EngineError
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.retrievers.prune.extractive import ExtractivePruner, verified_quotes

TEXT = "Ann met Bob in May. It rained\nall day. The ferry sank at noon."


def test_quotes_are_verified_by_hand():
    answer = '1. "It rained all day."\n- The ferry sank at midnight.\nNONE\nferry sank at noon'
    spans, made_up = verified_quotes(answer, TEXT)
    assert [TEXT[start:end] for start, end in spans] == ["It rained\nall day.", "ferry sank at noon"]
    assert made_up == 1


def test_only_true_copies_stay():
    pruner = ExtractivePruner(llm=ScriptedLLM({"": "The ferry sank at noon.\nThe ferry never sank at all."}))
    [found] = pruner.refine([Document(page_content=TEXT)], "When?")
    assert found.page_content == "The ferry sank at noon."
    assert pruner.unverified == 1


def test_none_keeps_nothing_and_threshold_0_everything():
    llm = ScriptedLLM({"": "NONE"})
    assert ExtractivePruner(llm=llm).refine([Document(page_content=TEXT)], "When?") == []
    [found] = ExtractivePruner(llm=llm, threshold=0).refine([Document(page_content=TEXT)], "When?")
    assert found.page_content == TEXT


def test_all_passages_are_asked_in_one_batch():
    llm = ScriptedLLM({"": "NONE"})
    pruner = ExtractivePruner(llm=llm)
    pruner.prune(["a", "b"], [[Document(page_content=TEXT)] * 2, [Document(page_content=TEXT)]])
    assert [len(call.prompts) for call in llm.calls] == [3]
    assert pruner.prune(["a"], [[]]) == [[]]


def test_failures_are_told():
    with pytest.raises(DataError, match="cut smaller passages"):
        ExtractivePruner(llm=ScriptedLLM({"": "x"}, window=300)).refine(
            [Document(page_content=TEXT * 9)], "When?"
        )
    with pytest.raises(EngineError, match="quoted nothing"):
        ExtractivePruner(llm=ScriptedLLM({"other": "x"})).refine([Document(page_content=TEXT)], "When?")
