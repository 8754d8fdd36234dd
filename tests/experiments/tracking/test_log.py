"""What a tracked run holds, and that it stays one run."""

import json
import os

import mlflow
import pytest

from rlc.data.errors import DataError
from rlc.experiments.tracking.client import connect
from rlc.experiments.tracking.log import track
from rlc.experiments.tracking.place import TrackingError, read_record
from rlc.experiments.tracking.traces import traces_of


def test_a_parent_with_children_and_again_the_same(stored, out, client):
    parent = track(stored, out, traced=2)
    first = read_record(stored.folder)
    assert track(stored, out, traced=2) == parent  # logged again, it is still one run
    assert read_record(stored.folder) == first
    server = client(out)
    found = {run.info.run_name: run for run in server.search_runs(["1"])}
    name = f"scripted on mine, {stored.folder.name[-10:]}"
    assert set(found) == {name, "rag", "long", "length"}
    assert {run.info.status for run in found.values()} == {"FINISHED"}

    head, rag = found[name], found["rag"]
    assert head.data.params == {
        "dataset": "mine", "readers": "rag, long, length", "questions": "3", "documents": "2"
    }  # fmt: skip
    assert head.data.metrics["rag/answer/accuracy"] == rag.data.metrics["answer/accuracy"] == 0.5
    assert head.data.tags["rlc.kind"] == "comparison"
    assert "got 50.0% right" in head.data.tags["mlflow.note.content"]
    assert head.info.artifact_uri.startswith((out / "mlartifacts").as_uri())
    assert rag.data.tags["mlflow.parentRunId"] == parent
    assert rag.data.params["chunker.size"] == "16"
    [asked] = server.search_runs(["1"], "tags.`rlc.role` = 'long' and tags.`data.variant` = 'own'")
    assert asked.info.run_id == found["long"].info.run_id

    [given] = head.inputs.dataset_inputs
    assert (given.dataset.name, len(given.dataset.digest)) == ("mine", 32)
    assert json.loads(given.dataset.profile)["num_rows"] == 3
    assert [one.dataset.digest for one in rag.inputs.dataset_inputs] == [given.dataset.digest]

    files = {file.path for file in server.list_artifacts(parent)}
    assert files == {"results.parquet", "recipe.json", "provenance.json", "summary.json", "report"}
    report = {file.path for file in server.list_artifacts(parent, "report")}
    assert {"report/report.html", "report/report.md", "report/cost-accuracy.png"} <= report
    with connect(out, stored.folder) as connection:
        table = server.load_table("1", "answers.json", run_ids=[rag.info.run_id])
        assert len(table) == 3  # not six
        assert set(table["prediction"]) == {"Ada keeps the lamp."}
        traces = list(traces_of(connection, rag.info.run_id))
        assert len(traces) == 2
        assert {span.span_type for span in traces[0].data.spans} == {"CHAIN", "RETRIEVER", "LLM"}
        assert not connection.is_alive("0" * 32)


def test_a_run_that_was_removed_is_logged_anew(stored, out, client):
    parent = track(stored, out, traced=0)
    client(out).delete_run(parent)
    assert track(stored, out, traced=0) != parent


def test_other_documents_than_the_runs_are_refused(stored, out, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("Another text.")
    (tmp_path / "other" / "questions.jsonl").write_text('{"question": "Who?"}\n')
    with pytest.raises(DataError, match="the run was made on revision"):
        track(stored, out, data_root=tmp_path / "other")


def test_a_store_that_refuses_is_one_message(stored, out, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    with pytest.raises(TrackingError, match=r"MLflow at sqlite:////proc/nowhere.* rlc track"):
        track(stored, out)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match=r"MLflow at http://127.0.0.1:9 refused: .*; the results are in"):
        track(stored, out)


def test_the_users_address_is_in_force_again_afterwards(stored, out, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{out / 'mlflow.db'}")
    with connect(out, stored.folder):
        pass
    assert mlflow.get_tracking_uri() == f"sqlite:///{out / 'mlflow.db'}"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with connect(out, stored.folder):
        assert mlflow.get_tracking_uri() == f"sqlite:///{out / 'mlflow.db'}"
    assert "MLFLOW_TRACKING_URI" not in os.environ
