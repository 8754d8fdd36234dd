"""What retrieval searched, and evidence of other documents wherever evidence is read: never this one's, never an error."""

import json
from pathlib import Path

import pytest

from rlc.data.datasets import load_dataset
from rlc.data.protocols import Retrieved
from rlc.data.records import Answer, Dataset, Document, Evidence, Example, evidence_in
from rlc.experiments.report.marks import passages
from rlc.experiments.report.pages.run import SECTIONS
from rlc.experiments.report.sections.silver import silver_recall
from rlc.experiments.report.terminal import section_lines
from rlc.experiments.runs.results import row, to_frame
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.scope import documents_outside, scopes, searched
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.scorers.base import Score
from rlc.experiments.study.caveats import outside_collections
from rlc.experiments.study.study import make_study
from rlc.experiments.tracking.figures import silver_ranks
from rlc.experiments.tracking.traces import spans_of
from rlc.pipeline.routers.learned import known_before

RAG = {"use": "rag"}
WIDE = {**RAG, "collection": {"use": "documents", "of": "lara", "revision": "r", "documents": 82}}
TEXT = "The oil was 114 gallons. " + "Nothing else is said. " * 20
HELD, OTHER = Evidence("d", 0, 24, 3.0), Evidence("e", 0, 24, 9.0)


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (RAG, "the question's own document"),
        ({"use": "recorded", "arm": "rag"}, "the question's own document"),
        (WIDE, "all 82 documents of lara"),
        ({**WIDE, "where": {"kind": "book"}}, "all 82 documents of lara, where kind = book"),
        ({"use": "length", "rag": WIDE, "long": {"use": "long"}}, "all 82 documents of lara"),
        ({"use": "long"}, ""),
        ({}, ""),
    ],
)
def test_what_is_searched(spec, place):
    assert searched(spec) == place


def test_readers_of_one_scope_are_named_together():
    specs = {"rag": WIDE, "long": {"use": "long"}, "own": RAG, "auto": {"use": "length", "rag": RAG}}
    assert scopes(specs) == [
        "rag searches all 82 documents of lara", "own, auto search the question's own document",
    ]  # fmt: skip
    assert scopes(dict.fromkeys("abcd", RAG)) == ["4 readers search the question's own document"]


def test_documents_that_the_collection_lacks_are_counted_and_said(tmp_path):
    sample = load_dataset("sample")
    asked = {example.document_id for example in sample.examples}
    (tmp_path / "documents.jsonl").write_text(json.dumps({"id": min(asked), "text": "Ann."}) + "\n")
    specs = {
        "r": {"use": "length", "rag": {**RAG, "collection": {"use": "documents", "of": str(tmp_path)}}},
        "all": {**RAG, "collection": {"use": "documents", "of": "sample"}},
    }
    outside = documents_outside(specs, sample)
    assert outside == {str(tmp_path): len(asked) - 1}
    [said] = outside_collections({"documents": len(asked), "outside_collections": outside})
    assert said == f"The collection {tmp_path} lacks 9 of the 10 documents that are asked about."


def stored(**evidence):
    """A run of one reader; for each question what it read."""
    document = Document(id="d", page_content=TEXT)
    asked = tuple(Example(id_, "How much oil?", document, ("114 gallons",)) for id_ in evidence)
    rows = [row("rag", e, Answer("114", "", tuple(evidence[e.id])), Score(correct=True)) for e in asked]
    run = StoredRun(Path("run"), ResultsTable(to_frame(rows)), {"rag": WIDE}, {}, {})
    return make_study(run, dataset=Dataset("mine", asked, {"d": document}, "r"))


def test_evidence_in_another_document_is_a_miss_and_not_unknown():
    study = stored(hit=[OTHER, HELD], miss=[OTHER], silent=[])
    values = dict(zip(study.examples["example_id"], study.found["rag"], strict=True))
    assert (values["hit"], values["miss"]) == (1, 0)
    assert values["silent"] != values["silent"], "a reader that does not say what it read is no miss"
    table = silver_recall(study).tables[0]
    assert [table.rows[0][i].text for i in (1, 3)] == ["50.0%", "50.0%"]


def test_a_passage_of_another_document_takes_a_rank():
    study = stored(hit=[OTHER, HELD], miss=[OTHER])
    assert sorted(silver_ranks(study.run.frame, study.dataset), key=str) == [2, None]


def test_equal_spans_of_two_documents_are_two_passages():
    pruned = [Evidence("d", 0, 3, 3.0, (0, 24)), OTHER, Evidence("e", 30, 40, 1.0, (0, 24))]
    first, second, third = passages(pruned, "d", TEXT, [], 100)
    assert first.name.endswith("88% of it dropped")
    assert second.name.endswith("of e")
    assert [piece.state for piece in first.pieces] == ["kept", "dropped"]
    assert not second.pieces
    assert not third.pieces


def test_report_and_traces_cope_with_evidence_of_others():
    study = stored(hit=[OTHER, HELD], miss=[OTHER, Evidence("e", 900, 990, 1.0, (880, 1000))])
    sections = [found for section in SECTIONS if (found := section(study))]
    cells = [
        cell.text for found in sections for table in found.tables for line in table.rows for cell in line
    ]
    assert "all 82 documents of lara" in cells
    assert [line for found in sections for line in section_lines(found)]
    line = study.on("miss")["miss"]["rag"]
    step = spans_of(line, WIDE, study.reader("rag"), TEXT)
    assert step.within[0].outputs[1]["page_content"] == "characters 900 to 990 of e"


def test_features_see_the_own_document_only(make_example):
    example = make_example("q", "How much oil?", TEXT, "d")
    [alone], [among] = (known_before([example], [Retrieved(e)]) for e in ((HELD,), (OTHER, HELD)))
    assert alone == among
    assert evidence_in("d", [OTHER, HELD]) == (HELD,)
