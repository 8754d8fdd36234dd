"""Accuracy at equal memory, on a run whose figures can be counted by hand."""

from pathlib import Path

import pytest

from rlc.data.records import Answer, Dataset, Document, Example, Usage
from rlc.experiments.report.figures.plots import style
from rlc.experiments.report.sections.budgets import budgets, method_of
from rlc.experiments.runs.results import row, to_frame
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.scorers.base import Score
from rlc.experiments.study.study import make_study

RAG = {"use": "rag", "llm": {"use": "hf", "model": "m"}}
LONG = {"use": "long", "llm": {"use": "hf", "model": "m"}}
KEPT = {"use": "long", "llm": {"use": "hf-kv", "model": "m", "sees": "document", "kv": {"use": "knorm"}}}
EXAMPLES = tuple(
    Example(
        f"q{i:02}",
        "How much?",
        Document(id=f"d{i % 10}", page_content="114 gallons"),
        ("114 gallons",),
        task="location" if i % 2 else "reasoning",
    )
    for i in range(20)
)


def rows(name, megabytes, right):
    return [
        row(
            name,
            example,
            Answer("said", name, usage=Usage(kv_bytes=round(megabytes * 1e6))),
            Score(
                correct=right(i), reason="words", f1=float(right(i)), abstained=False, value=float(right(i))
            ),
        )
        for i, example in enumerate(EXAMPLES)
    ]


def study(specs, *parts):
    dataset = Dataset("mine", EXAMPLES, {e.document_id: e.document for e in EXAMPLES}, "r")
    frame = to_frame([one for part in parts for one in part])
    return make_study(
        StoredRun(
            Path("a-run"), ResultsTable(frame), specs, {}, {"dataset": {"name": "mine", "variant": "own"}}
        ),
        dataset=dataset,
    )


@pytest.fixture
def section():
    specs = {
        "rag-1": RAG,
        "rag-5": {**RAG, "k": 5},
        "long": LONG,
        "knorm-10": KEPT,
        "silent": {**RAG, "k": 9},
    }
    return budgets(
        study(
            specs,
            rows("rag-1", 1.0, lambda i: i < 5),
            rows("rag-5", 5.0, lambda i: i < 10),
            rows("long", 40.0, lambda _: True),
            rows("knorm-10", 4.0, lambda i: i % 2 == 1),
            rows("silent", 0.0, lambda _: True),
        )
    )


def test_by_hand(section):
    [table] = section.tables
    told = {cells[0].text: cells for cells in table.rows}
    assert list(told) == ["rag-1", "knorm-10", "rag-5", "long"]  # by bytes; who does not say is left out
    assert (told["knorm-10"][1].text, told["knorm-10"][2]) == ("knorm", ("4.0", "10%", False))
    assert told["knorm-10"][4].text == "+25.0"  # 10 of 20 against rag-1's 5: rag-5 has more bytes
    assert told["knorm-10"][4].detail == "rag-1"
    assert told["long"][4].detail == "rag-5"
    assert told["rag-5"][4].text == "–"
    assert [told["knorm-10"][5].text, told["knorm-10"][6].text] in (["100.0%", "0.0%"], ["0.0%", "100.0%"])
    assert "of 2 readers" in section.texts[1]


def test_the_picture_has_a_panel_for_each_task_and_a_line_for_each_method(section):
    [plot] = section.plots
    with style():
        figure = plot.draw()
        figure.canvas.draw()
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 3
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"passages", "knorm", "whole text"}


def test_without_a_method_there_is_no_section():
    assert budgets(study({"rag": RAG}, rows("rag", 1.0, lambda _: True))) is None


def test_a_method_that_sees_the_question_is_another():
    seen = {**KEPT, "llm": {**KEPT["llm"], "sees": "question"}}
    assert (method_of(KEPT), method_of(seen)) == ("knorm", "knorm, question seen")
