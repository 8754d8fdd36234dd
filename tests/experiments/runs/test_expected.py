"""The estimate that is made before a run, kept beside what was measured, and shown by the report."""

import pytest

from rlc.data.errors import DataError, UnsupportedError
from rlc.data.store import Store
from rlc.experiments.report.sections.planned import planned
from rlc.experiments.runs import expected
from rlc.experiments.runs.execute import documents_together, execute
from rlc.experiments.runs.expected import FILE, Engines, expect, read_estimate
from rlc.experiments.runs.forecast import Speed, measure_speed
from rlc.experiments.runs.run import plan_run
from rlc.experiments.runs.stored import open_run
from rlc.experiments.study.study import make_study
from rlc.pipeline.llms import HfLLM, ScriptedLLM, VllmLLM
from rlc.pipeline.recipe import load_recipe


@pytest.fixture
def run(dataset, scripted_recipe, tmp_path):
    return plan_run(dataset, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["length"], tmp_path)


def test_a_run_keeps_its_estimate_and_what_came_of_it(run):
    execute(run, resume=True)
    record = read_estimate(run.folder)
    assert record["readers"].keys() == record["measured"].keys() == {"rag", "long"}, (
        "routers read nothing themselves"
    )
    assert record["readers"]["long"]["questions"] == 4
    assert record["readers"]["long"]["seconds"] is None, "only engines of this process are timed beforehand"
    assert record["measured"]["long"]["seconds"] > 0
    before = (run.folder / FILE).read_text()
    execute(run, resume=True)  # everything is stored: neither made anew nor measured
    assert (run.folder / FILE).read_text() == before


def test_the_report_shows_planned_beside_measured(run):
    execute(run, resume=True)
    study = make_study(open_run(str(run.folder), run.out))
    section = planned(study)
    rows = {(row[0].text, row[1].text): [cell.text for cell in row[2:]] for row in section.tables[0].rows}
    expect_, seen, ratio = rows["long", "prompt tokens given"]
    assert float(ratio) == pytest.approx(
        float(expect_.replace(",", "")) / float(seen.replace(",", "")), abs=0.01
    )
    assert rows["long", "seconds"][0] == "–"
    (run.folder / FILE).unlink()
    assert planned(study) is None
    (run.folder / FILE).write_text("{}")
    with pytest.raises(DataError, match="delete it"):
        planned(study)


def test_what_is_loaded_for_measuring_is_what_answers(run):
    engines = Engines()
    readers = run.readers(Store(run.out), engines.finish)
    engine = engines.of(run.specs["long"]["llm"], "llm")
    readers["long"](run.dataset.examples)
    assert len(engine.calls) == 1
    assert list(engines.made.values()) == [engine]


def test_an_engine_of_this_process_is_timed_first(run, tiny_llm_folder, monkeypatch):
    run.specs["long"]["llm"] = {
        "use": "hf",
        "model": str(tiny_llm_folder),
        "dtype": "float32",
        "device": "cpu",
    }
    asked = []
    monkeypatch.setattr(
        expected, "measure_speeds", lambda engines: asked.append(engines) or {"long": Speed(10, 2)}
    )
    expect(run, Engines(), {"long": frozenset(["a1"])})
    found = read_estimate(run.folder)["readers"]["long"]
    assert [type(engine) for engine in asked[0].values()] == [HfLLM]
    assert found["seconds"] == found["computed_tokens"] / 10 + found["output_tokens"] / 2


def test_arithmetic_that_the_planner_does_not_know_stops_no_run(run, monkeypatch):
    def refuse(*_):
        raise UnsupportedError("experts")

    monkeypatch.setattr(expected, "plans", refuse)
    arms = {"long": {"llm": {"use": "vllm"}}}
    assert expected._plan_vllm(run, arms, {}, 1) is None


def test_an_engine_that_fails_has_no_speed():
    assert measure_speed(ScriptedLLM({"never": "x"})) is None


def test_an_engine_says_how_many_documents_it_wants():
    assert (
        documents_together({"long": {"llm": {"use": "vllm"}}, "auto": {}}) == VllmLLM.documents_together > 1
    )
    assert documents_together({"long": {"llm": {"use": "scripted"}}}) == 1
