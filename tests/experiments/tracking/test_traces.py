"""Stored rows as trees of steps."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.records import Step, Usage
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.tracking.traces import LONGEST_PASSAGE, drawn, spans_of

READER = ReaderInfo("rag", "rag", "rag", "", ("small",))
TEXT = "The lamp was lit in 1871. Ada keeps the lamp."


@pytest.fixture
def row(stored):
    """A row of the results, with some of its columns changed."""
    first = stored.frame.row(0, named=True)
    timed = {
        "index_seconds": 1.0, "retrieve_seconds": 2.0, "seconds": 9.0, "prefill_seconds": 4.0, "prompt_tokens": 40,
        "output_tokens": 5, "document_id": "lamp.txt",
        "evidence": [{"document_id": "lamp.txt", "start": 26, "end": 45, "score": 0.5}],
    }  # fmt: skip
    return lambda **changes: {**first, **timed, **changes}


def test_stages_follow_one_another(row):
    step = spans_of(row(), {"steps": [{"use": "cross-encoder"}, {"use": "lexical"}]}, READER, TEXT)
    retrieve, answer = step.within
    assert (step.kind, step.start, step.end) == ("CHAIN", 0, 9)
    assert (retrieve.kind, retrieve.start, retrieve.end) == ("RETRIEVER", 1, 3)
    assert (answer.kind, answer.start, answer.end) == ("LLM", 3, 9)
    assert [(one.name, one.kind) for one in retrieve.within] == [
        ("cross-encoder", "RERANKER"), ("lexical", "TASK")
    ]  # fmt: skip
    assert all(
        one.start == one.end and "not timed" in one.attributes["rlc.seconds"] for one in retrieve.within
    )
    [passage] = retrieve.outputs
    assert passage["page_content"] == "Ada keeps the lamp."
    assert (passage["id"], passage["metadata"]["relevance_score"]) == ("lamp.txt:26-45", 0.5)
    usage = answer.attributes["mlflow.chat.tokenUsage"]
    assert usage == {"input_tokens": 40, "output_tokens": 5, "total_tokens": 45}


def test_a_document_stands_by_its_length_and_hash(row):
    whole = "word " * 100_000
    step = spans_of(row(evidence=[], index_seconds=0.0, retrieve_seconds=0.0), {}, READER, whole)
    [answer] = step.within
    assert answer.inputs["document"]["characters"] == 500_000
    assert len(answer.inputs["document"]["blake2b"]) == 32
    assert len(json.dumps([step.inputs, step.outputs, answer.inputs, answer.outputs])) < 2_000


def test_a_long_passage_and_one_that_is_not_at_hand_are_places(row):
    long = [{"document_id": "lamp.txt", "start": 0, "end": LONGEST_PASSAGE + 1, "score": None}]
    [passage] = spans_of(row(evidence=long), {}, READER, "x" * 9_000).within[0].outputs
    assert passage["page_content"].startswith("characters 0 to 2001 of lamp.txt (")
    [passage] = spans_of(row(), {}, READER, None).within[0].outputs
    assert passage["page_content"] == "characters 26 to 45 of lamp.txt"


def test_a_failed_answer_has_no_model_step(row):
    step = spans_of(row(error="Timeout", evidence=[], value=None), {}, READER, TEXT)
    assert step.within == []
    assert step.outputs == {"error": "Timeout"}
    assert step.attributes["rlc.verdict"] == "not judged"


@given(st.sets(st.text(), max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_fewer_are_among_more(ids, some, more):
    few, many = sorted((some, more))
    assert set(drawn(sorted(ids), few)) <= set(drawn(sorted(ids, reverse=True), many)) <= ids
    assert len(drawn(sorted(ids), many)) == min(many, len(ids))


def test_every_step_of_a_strategy_is_a_span(row):
    """Two notes at one time, 1 and 3 s long, then a search and the answer."""
    made = (
        ("note", "ask", 0, 1.0),
        ("note", "ask", 0, 3.0),
        ("find", "search", 1, 0.5),
        ("answer", "ask", 1, 2.0),
        ("doubt", "weigh", 2, 1.0),
    )
    steps = [
        asdict(Step(name, kind, at, f"{name} text", usage=Usage(prompt_tokens=7, seconds=seconds)))
        for name, kind, at, seconds in made
    ]
    spans = spans_of(row(steps=json.dumps(steps)), {}, READER, TEXT).within
    assert [(one.name, one.kind, one.start, one.end) for one in spans] == [
        ("note", "LLM", 0.0, 1.0), ("note", "LLM", 0.0, 3.0), ("find", "RETRIEVER", 3.0, 3.5), ("answer", "LLM", 3.5, 5.5),
        ("doubt", "LLM", 5.5, 6.5),
    ]  # fmt: skip
    assert spans[0].attributes["mlflow.chat.tokenUsage"]["input_tokens"] == 7
    assert (spans[0].outputs, spans[2].inputs) == ("note text", {"query": "find text"})
