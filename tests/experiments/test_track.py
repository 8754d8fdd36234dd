"""MLflow: what its pages will show."""

import pytest

from rlc.data.store import Store
from rlc.experiments.run import plan_run
from rlc.experiments.runs import open_run
from rlc.experiments.track import (
    TrackingError,
    flatten,
    is_tracked,
    metrics_of,
    track,
    tracking_uri,
    ui_command,
)
from rlc.pipeline.recipe import load_recipe


@pytest.fixture
def stored(dataset, tmp_path, monkeypatch, scripted_recipe):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = plan_run(dataset, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["auto"], tmp_path)
    store = Store(tmp_path)
    run.execute(run.readers(store))
    yield open_run(str(run.folder), tmp_path)
    store.close()


def test_a_parent_with_children_and_again_the_same(stored, tmp_path):
    import mlflow

    uri = tracking_uri(tmp_path)
    parent = track(stored, tmp_path)
    assert track(stored, tmp_path) == parent  # logged again, it is still one run
    found = mlflow.MlflowClient(uri).search_runs(["1"])
    assert len(found) == 4
    by_name = {run.info.run_name: run for run in found}
    assert set(by_name) == {stored.folder.name, "rag", "long", "auto (learned)"}
    head, rag = by_name[stored.folder.name], by_name["rag"]
    assert head.data.tags["data.variant"] == "own"
    assert head.data.tags["rlc.resolved.auto"] == "auto (learned)"
    assert head.data.metrics["long/answer/accuracy"] == pytest.approx(1 / 3)
    assert head.inputs.dataset_inputs[0].dataset.name == "made"
    assert rag.data.tags["mlflow.parentRunId"] == parent
    assert rag.data.params["chunker.size"] == "16"
    assert rag.data.metrics["answer/failures"] == 0
    assert head.info.artifact_uri.startswith((tmp_path / "mlartifacts").as_uri())
    artifacts = {file.path for file in mlflow.artifacts.list_artifacts(run_id=parent)}
    assert {"results.parquet", "recipe.json", "provenance.json", "summary.json"} <= artifacts


def test_what_is_tracked_is_known_until_results_or_place_change(stored, tmp_path, monkeypatch):
    assert not is_tracked(stored, tmp_path)
    track(stored, tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow exports the address it is told
    assert is_tracked(stored, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert not is_tracked(stored, tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    results = stored.folder / "results.parquet"
    results.write_bytes(results.read_bytes() + b" ")
    assert not is_tracked(stored, tmp_path)


def test_a_store_that_refuses_is_one_message(stored, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    with pytest.raises(TrackingError, match="log them later with: rlc track"):
        track(stored, tmp_path)


def test_flatten_and_metrics():
    assert flatten({"a": {"b": [1, {"c": None}]}, "d": "x"}) == {"a.b.0": "1", "a.b.1.c": "None", "d": "x"}
    summary = {
        "reader": "rag", "n": 2, "failures": 0, "accuracy": {"value": None, "n": 0}, "tasks": {}, "f1": 0.5,
        "prompt_tokens": 1.0, "cached_tokens": 0.0, "output_tokens": 2.0, "first_token_seconds": None,
        "seconds": None, "shares": {"rag": 1.0},
        "cost": {"tokens": {"mean": 3.0, "first": 9.0, "further": None}, "seconds": None},
    }  # fmt: skip
    metrics = metrics_of(summary)
    assert "answer/accuracy" not in metrics
    assert metrics["router/share_rag"] == 1.0
    assert metrics["cost/first_question_tokens"] == 9.0
    assert "cost/further_question_tokens" not in metrics


def test_ui_needs_a_store(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TrackingError, match="run `rlc compare` first"):
        ui_command(tmp_path, 5000)
