"""What happened without a failure is said."""

from dataclasses import replace

import pytest
from langchain_core.documents import Document

from rlc.data.records import Answer, Dataset, Evidence, Example, Usage
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.silences import silences
from rlc.experiments.study.study import make_study

TEXT = "The lamp was lit. The lamp was lit. Ada keeps it."


@pytest.fixture
def dataset():
    document = Document(id="d", page_content=TEXT)
    examples = tuple(Example(f"q{i}", "Who keeps it?", document, ("Ada",)) for i in range(2))
    return Dataset("own", examples, {"d": document}, "1")


def said(dataset, tmp_path, *answers):
    frame = answer_all({"rag": lambda examples, /: list(answers)}, dataset)
    return silences(
        make_study(StoredRun(tmp_path, ResultsTable(frame), {"rag": {"use": "rag"}}), dataset=dataset)
    )


def read(*spans, passage=None, reason="stop", error=None):
    pieces = tuple(Evidence("d", start, end, passage=passage) for start, end in spans)
    return Answer("Ada", "rag", pieces, finish_reason=reason, error=error)


def test_nothing_unusual_needs_no_word(dataset, tmp_path):
    assert said(dataset, tmp_path, read((0, 17), (36, 49)), read((36, 49))) == []


def test_nothing_retrieved_and_answers_cut(dataset, tmp_path):
    lines = said(
        dataset, tmp_path, read(error="NothingRetrieved: no passage"), read((0, 17), reason="length")
    )
    assert lines == [
        "rag: 1 of 1 answers ended at the limit of tokens, max_tokens.",
        "rag: nothing was retrieved for 1 of 2 questions; they count as failed.",
    ]


def test_equal_passages_are_told(dataset, tmp_path):
    [line] = said(dataset, tmp_path, read((0, 17), (18, 35)), read((36, 49)))
    assert line.startswith("rag: equal passages filled the top k of 1 of 2 questions")


def test_a_pruner_that_keeps_everything_is_told(dataset, tmp_path):
    whole, part = read((0, 17), passage=(0, 17)), read((36, 39), passage=(36, 49))
    assert said(dataset, tmp_path, whole, whole) == [
        "rag: the pruner kept every passage whole, for all 2 questions."
    ]
    assert said(dataset, tmp_path, whole, part) == []


def test_what_a_model_read_to_prepare_documents_is_told_beside_the_tokens_a_question(dataset, tmp_path):
    first = replace(read((0, 17)), usage=Usage(prompt_tokens=90, index_tokens=4000))
    lines = said(dataset, tmp_path, first, read((36, 49)))
    assert lines == [
        "rag: a model prepared 1 document for 4,000 tokens each, which its tokens a question do not hold."
    ]
