import dataclasses
import math
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import DataError
from rlc.experiments.research import fit_judge
from rlc.experiments.scorers.agreement import (
    Cell,
    agreement,
    agreement_report,
    cell_accuracy,
    judge_frame,
    read_published,
)
from rlc.experiments.scorers.rule import ANY_TASK, UNANSWERABLE, Fit, RuleJudge, default_fit

TASKS = ("location", "reasoning", "comp", "hallu")
MODELS = ("strong", "weak", "other")


@pytest.fixture(scope="module")
def lara():
    root = os.environ.get("RLC_DATA")
    if root is None or not (Path(root) / "published.csv").is_file():
        pytest.skip("RLC_DATA does not name a folder with LaRA and published.csv")
    return Path(root)


# --- agreement


def cells(*pairs):
    return {Cell("32k", f"m{i // 2}", "qa", ("long", "rag")[i % 2]): pair for i, pair in enumerate(pairs)}


def test_agreement_by_hand():
    found = agreement(cells((60.0, 50.0), (40.0, 42.0), (30.0, 30.0), (35.0, 28.0)))
    assert (found.n, found.gaps) == (4, 2)
    assert found.error == pytest.approx((10 + 2 + 0 + 7) / 4)
    assert found.bias == pytest.approx((10 - 2 + 0 + 7) / 4)
    # gaps 20 against 8, -5 against 2
    assert found.gap_error == pytest.approx((12 + 7) / 2)
    assert found.sign == 0.5
    assert found.gap_pearson == pytest.approx(1.0)


def test_a_table_agrees_with_itself():
    found = agreement(cells((60.0, 60.0), (40.0, 40.0), (30.0, 30.0)))
    assert (found.pearson, found.spearman, found.error, found.sign) == (
        pytest.approx(1),
        pytest.approx(1),
        0,
        1,
    )
    assert found.gaps == 1  # the third has no partner
    assert math.isnan(found.gap_pearson)


def test_too_few_cells():
    with pytest.raises(ValueError, match="at least two cells to compare, got 1"):
        agreement(cells((1.0, 1.0)))


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=20))
def test_agreement_is_symmetric_but_for_the_bias(pairs):
    found, turned = agreement(cells(*pairs)), agreement(cells(*[(b, a) for a, b in pairs]))
    assert found.error == pytest.approx(turned.error)
    assert found.bias == pytest.approx(-turned.bias)
    assert found.sign == turned.sign or math.isnan(found.sign)


def test_cells_average_text_types_alike():
    import polars as pl

    frame = pl.DataFrame(
        {
            "length": ["32k"] * 4,
            "model": ["m"] * 4,
            "task": ["qa"] * 4,
            "arm": ["rag"] * 4,
            "type": ["book", "paper", "paper", "paper"],
        }
    )
    found = cell_accuracy(frame, [True, False, False, True])
    assert found == {Cell("32k", "m", "qa", "rag"): pytest.approx(100 * (1 + 1 / 3) / 2)}


def test_report_leaves_out_the_fitted_models(published_lara):
    fit = default_fit()
    judge = RuleJudge(dataclasses.replace(fit, provenance={"models": ["strong"]}))
    report = agreement_report(published_lara, judge)
    assert (report.models, report.fitted_on) == (("other", "weak"), ("strong",))
    assert (report.questions, report.answers, report.failed) == (16, 64, 8)
    assert report.overall.n == 16
    assert report.cells[Cell("32k", "weak", "location", "long")] == (50.0, 50.0)
    assert report.overall.pearson == pytest.approx(1)
    assert set(report.by_task) == set(TASKS)
    assert "16 of them" in report.note


def test_report_without_a_model_left(published_lara):
    judge = RuleJudge(dataclasses.replace(default_fit(), provenance={"models": list(MODELS)}))
    with pytest.raises(DataError, match="no model with recorded answers"):
        agreement_report(published_lara, judge)


def test_published_table(published_lara, tmp_path):
    published = read_published(published_lara / "published.csv")
    assert len(published) == 24  # without the overall row
    assert published[Cell("32k", "weak", "comp", "rag")] == 25.0
    with pytest.raises(DataError, match="no such file"):
        read_published(tmp_path / "published.csv")
    (tmp_path / "a.csv").write_text("length,model\n32k,m\n")
    with pytest.raises(DataError, match="expected the columns"):
        read_published(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("length,model,task,arm,accuracy\n32k,m,comp,full,5\n")
    with pytest.raises(DataError, match="lc and rag, got full"):
        read_published(tmp_path / "b.csv")


# --- fitting


def test_fit_meets_the_table_it_is_given(published_lara, monkeypatch):
    monkeypatch.setattr(fit_judge, "STEPS", 200)
    fit = fit_judge.fit(
        published_lara, seed=3, models=["strong", "weak"], provenance={"upstream_commit": "abc"}
    )
    assert set(fit.tasks) == {*TASKS, ANY_TASK}
    assert fit.provenance["models"] == ["strong", "weak"]
    assert (fit.provenance["seed"], fit.provenance["answers"]) == (3, 64)
    assert fit.provenance["upstream_commit"] == "abc"
    assert fit == fit_judge.fit(
        published_lara, seed=3, models=["strong", "weak"], provenance={"upstream_commit": "abc"}
    )
    assert agreement_report(published_lara, RuleJudge(fit)).overall.error == 0
    assert fit.tasks[UNANSWERABLE].threshold == fit.tasks[UNANSWERABLE].threshold_numbers


def test_fit_writes_its_file(published_lara, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_judge, "STEPS", 5)
    out = tmp_path / "fit.json"
    options = [
        "--data-root",
        str(published_lara),
        "--models",
        "strong",
        "weak",
        "--seed",
        "7",
        "--out",
        str(out),
    ]
    monkeypatch.setattr("sys.argv", ["fit_judge", *options])
    fit_judge.main()
    assert Fit.from_json(out.read_text()).provenance["seed"] == 7


def test_fit_needs_both_arms_and_a_figure(published_lara):
    from rlc.data.sets.lara import load_predictions

    published = read_published(published_lara / "published.csv")
    frame = load_predictions(published_lara, models=["strong"])
    with pytest.raises(DataError, match="both arms"):
        fit_judge.measure(frame.filter(frame["arm"] == "rag"), published)
    with pytest.raises(DataError, match="published figure"):
        fit_judge.measure(frame, {})


# --- on LaRA itself


@pytest.mark.lara
def test_agreement_on_models_that_the_fit_never_saw(lara):
    report = agreement_report(lara)
    assert len(report.models) == 5
    assert report.overall.n == 80
    assert report.overall.pearson >= 0.88
    assert report.overall.error <= 6
    assert report.overall.sign >= 0.88


@pytest.mark.lara
def test_five_hundred_answers_a_second(lara):
    from rlc.data.sets.lara import load_predictions

    frame = load_predictions(lara, models=["gpt-4o"])
    start = time.process_time()
    judge_frame(RuleJudge(), frame)
    assert frame.height / (time.process_time() - start) >= 500


@pytest.mark.lara
@pytest.mark.slow
def test_the_shipped_fit_is_what_its_script_makes(lara):
    shipped = default_fit()
    fit = fit_judge.fit(lara, seed=shipped.provenance["seed"])
    if fit.provenance["data_revision"] != shipped.provenance["data_revision"]:
        pytest.skip("RLC_DATA holds another part of LaRA than the fit was made on")
    for task, entry in shipped.tasks.items():
        assert fit.tasks[task].weights == pytest.approx(entry.weights, abs=0.02)
