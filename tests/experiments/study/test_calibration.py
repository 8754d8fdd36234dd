"""Judges held against people, and sheets for people to judge by."""

import csv
import io

import polars as pl
import pytest

from rlc.data.errors import DataError
from rlc.experiments.runs.human import COLUMNS, HumanVerdict, keep_verdicts, read_sheet
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.calibration import calibration, trust_sentences
from rlc.experiments.study.sheet import as_csv, sheet
from rlc.experiments.study.study import make_study


@pytest.fixture
def run(dataset, right, wrong, tmp_path):
    """Two readers on four questions; a judge called `model` calls all of the first's right, and none of the second's."""
    frame = answer_all({"right": right, "wrong": wrong}, dataset)
    frame = frame.with_columns(
        value=pl.when(pl.col("error").is_null()).then((pl.col("reader") == "right").cast(pl.Float64)),
        measure=pl.lit("model"),
    )
    told = {"judged_by": {"name": "model", "judged": 8, "not_judged": 0, "calls": 0}}
    return StoredRun(tmp_path, ResultsTable(frame), provenance=told)


HUMAN = {
    ("a1", "right"): HumanVerdict("yes"),
    ("b1", "right"): HumanVerdict("no"),
    ("a1", "wrong"): HumanVerdict("no"),
    ("a2", "wrong"): HumanVerdict("unsure"),
    ("zz", "wrong"): HumanVerdict("no"),
    ("zz", "right"): HumanVerdict("unsure"),
}


def test_judges_are_held_against_people_by_hand(run):
    keep_verdicts(run.folder, HUMAN)
    found = calibration(make_study(run))
    assert (found.verdicts, found.documents, found.unsure, found.strangers) == (3, 2, 1, 2)
    model, rules = found.held
    assert (model.judge, model.same.value, model.same.n) == ("model", pytest.approx(2 / 3), 3)
    assert (model.passed, model.wrong, model.failed, model.right) == (1, 2, 0, 1)
    assert model.kappa.value == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))  # right 2/3 and 1/3 of the time
    assert (rules.judge, rules.passed) == ("the rules", 1)
    said = " ".join(trust_sentences(found))
    assert "Held against 3 human verdicts on 2 documents." in said
    assert "right where they say wrong on 1 of 2, wrong where they say right on 0 of 1" in said
    assert "corrected from 20 human verdicts on a reader on, and there are: right 2, wrong 1" in said
    assert "Unsure, and counted for nothing: 1." in said
    assert "On answers that this run does not hold, or that failed: 2." in said


def test_without_people_there_is_nothing_to_say(run):
    assert calibration(make_study(run)) is None


def test_accuracies_are_corrected_from_enough_verdicts_on(run, monkeypatch):
    monkeypatch.setattr("rlc.experiments.study.calibration.FEWEST", 2)
    keep_verdicts(run.folder, HUMAN)
    first, second = calibration(make_study(run)).corrected
    assert first.judged.value == 1.0
    assert first.corrected.value == pytest.approx(0.5), (
        "one of two that people saw is right, and the judge never differs"
    )
    assert second.corrected is None


def test_what_is_said_of_an_answer_is_said_of_the_router_that_hands_it_on(run):
    handed = run.frame.filter(reader="right").with_columns(reader=pl.lit("router"))
    routed = StoredRun(run.folder, ResultsTable(pl.concat([run.frame, handed])), provenance=run.provenance)
    keep_verdicts(run.folder, HUMAN)
    found = calibration(make_study(routed))
    assert found.verdicts == 3, "it is one verdict all the same"
    assert [one.human for one in found.corrected] == [2, 1, 2]


def test_a_sheet_holds_all_arms_on_questions_of_every_task_and_no_verdict(run):
    table = sheet(run, count=3)
    assert table.columns[:4] == list(COLUMNS)
    assert not {"value", "correct", "reason"} & set(table.columns)
    assert table.group_by("example_id").len()["len"].max() == 2
    assert 3 <= table.height <= 4
    assert sheet(run, count=3).equals(table)
    assert not sheet(run, count=3, seed=5).equals(table)
    assert sheet(run, count=100).height == run.frame.filter(pl.col("error").is_null()).height
    assert sheet(run, count=1)["example_id"].to_list() == table["example_id"].to_list()[:2], (
        "fewer are among more"
    )


def test_a_filled_in_sheet_comes_back(run, tmp_path):
    rows = list(csv.DictReader(io.StringIO(as_csv(sheet(run, 100)).decode("utf-8-sig"), newline="")))
    assert all(row["right"] == "" for row in rows)
    file = tmp_path / "sheet.csv"
    file.write_bytes(as_csv(sheet(run, 100)))
    assert read_sheet(file) == {}, "nobody has filled it in"
    text = file.read_text(encoding="utf-8-sig").replace("a1,right,,", "a1,right,yes,sure")
    file.write_text(text, encoding="utf-8")
    assert read_sheet(file) == {("a1", "right"): HumanVerdict("yes", "sure")}


def test_answers_are_no_formulas():
    table = pl.DataFrame({"example_id": ["=1"], "answer": ["=HYPERLINK(1)"]})
    assert as_csv(table).decode("utf-8-sig").splitlines()[1] == "=1,'=HYPERLINK(1)"


def test_nothing_answered_is_nothing_to_judge(run):
    failed = run.frame.with_columns(error=pl.lit("down"))
    with pytest.raises(DataError, match="holds no answer"):
        sheet(StoredRun(run.folder, ResultsTable(failed)), 3)
