"""Pictures are drawn again where anything changed that they are drawn of, and only there."""

import json

import pytest

from rlc.experiments.report import pictures
from rlc.experiments.report.pages.run import write_report
from rlc.experiments.runs.compare import carry_out
from rlc.experiments.runs.kept import as_json, write_kept
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.recipe_files import load_recipe


@pytest.fixture
def run(findable, scripted_recipe, tmp_path):
    """A run, its report written once."""
    run = plan_run(
        findable, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["length"], tmp_path / "runs"
    )
    carry_out(run)
    write_report(run.folder, run.out)
    return run


@pytest.fixture
def drawn(monkeypatch):
    """The names of the pictures that are drawn from now on."""
    names = []
    draw = pictures.draw
    monkeypatch.setattr(pictures, "draw", lambda plot, *kinds: names.append(plot.name) or draw(plot, *kinds))
    return names


def report(run, **more):
    return write_report(run.folder, run.out, **more).read_text()


def test_what_has_not_changed_is_not_drawn_again(run, drawn):
    page = report(run)
    assert not drawn
    for file in (run.folder / "report").glob("*.svg"):
        file.unlink()
    assert report(run) == page
    assert len(drawn) == page.count("<svg") > 0


def test_the_comparison_again_draws_nothing_and_shows_its_own_date(run, drawn, monkeypatch):
    about = json.loads((run.folder / "provenance.json").read_text()) | {"date": "2031-01-01T00:00:00+00:00"}
    write_kept(run.folder / "provenance.json", as_json(about))
    assert "2031-01-01" in report(run)
    assert not drawn


def relabelled(run, tmp_path):
    told = json.loads((run.folder / "recipe.json").read_text())
    write_kept(run.folder / "recipe.json", as_json({**told, "labels": {**told["labels"], "rag": "found"}}))
    return {}


def judged(run, tmp_path):
    (run.folder / "verdicts.csv").write_text("example_id,reader,right,note\n")
    return {}


def priced(run, tmp_path):
    (tmp_path / "prices.toml").write_text("[scripted]\nprompt = 1\noutput = 2\n")
    return {"prices": tmp_path / "prices.toml"}


def damaged(run, tmp_path):
    for file in (run.folder / "report").glob("*.png"):
        file.write_bytes(file.read_bytes()[:-1])
    return {}


def of_another_version(run, tmp_path):
    file = run.folder / "report" / pictures.DRAWN
    file.write_text("no JSON")
    return {}


@pytest.mark.parametrize("change", [relabelled, judged, priced, damaged, of_another_version])
def test_what_changed_is_drawn_again(run, drawn, tmp_path, change):
    page = report(run, **change(run, tmp_path))
    assert len(drawn) == page.count("<svg") > 0
    drawn.clear()
    report(run, **({"prices": tmp_path / "prices.toml"} if change is priced else {}))
    assert not drawn


def test_other_code_draws_anew(run, drawn, monkeypatch):
    monkeypatch.setattr(pictures, "code", lambda: "other code")
    report(run)
    assert drawn
