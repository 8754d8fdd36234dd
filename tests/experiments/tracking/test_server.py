"""A tracking server: runs reach it over the network, and a browser shows what they hold."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest
from browser import LONGEST, until

from rlc.experiments.runs.stored import open_run
from rlc.experiments.tracking.client import PATIENCE
from rlc.experiments.tracking.log import track
from rlc.experiments.tracking.place import TrackingError, read_record, ui_command

pytestmark = pytest.mark.slow


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def server(executed, tmp_path_factory):
    """A server with a store of its own, which takes the artifacts too; its address and its process."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(executed / "mlflow.db", folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch, (folder / "log").open("w") as log:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # as `rlc ui` does
        command = [*ui_command(folder, port), "--artifacts-destination", str(folder / "artifacts")]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(f"{address}/health"), "the server")
        yield address, process
    finally:
        process.terminate()
        process.wait(timeout=LONGEST)


@pytest.fixture(scope="module")
def tracked(executed, server, tmp_path_factory):
    """The run, logged through the server, and its run store."""
    out = shutil.copytree(executed, tmp_path_factory.mktemp("tracked") / "runs")
    [folder] = out.glob("mine-own-*")
    stored = open_run(str(folder), out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server[0])
        track(stored, out, evaluated=True)
    return stored, out


def test_a_remote_server_gets_everything(tracked, server, monkeypatch):
    import mlflow

    stored, out = tracked
    client = mlflow.MlflowClient(server[0])
    known = read_record(stored.folder)
    assert known["uri"] == server[0]
    parent = client.get_run(known["parent"])
    assert parent.info.status == "FINISHED"
    assert parent.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert "report" in {file.path for file in client.list_artifacts(known["parent"])}
    assert (
        len(client.search_traces(locations=[parent.info.experiment_id], run_id=known["readers"]["rag"])) == 3
    )
    evaluated = client.get_run(known["evaluated"]["runs"]["rag"])
    assert evaluated.data.metrics["correct/mean"] == 0.5
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server[0])
    assert track(stored, out) == known["parent"]
    assert not (out / "mlartifacts").exists()


def test_what_the_pages_show(tracked, server, page):
    folder = tracked[0].folder
    known = read_record(folder)
    readers, parent = known["readers"], known["parent"]
    rag, long = readers["rag"], readers["long"]
    experiment = f"{server[0]}/#/experiments/1"

    # The table of runs: the comparison with its readers below, and their metrics.
    page.shows(
        f"{experiment}/evaluation-runs",
        "scripted on mine",
        "rag, evaluated",
        "answer/accuracy",
        "cost/prompt_tokens",
    )
    page.shows(
        f"{experiment}/runs/{parent}", "rag/answer/accuracy", "got 50.0% right", "data.variant", "Finished"
    )
    # Two runs beside one another.
    pair = quote(json.dumps([rag, long]))
    page.shows(
        f"{server[0]}/#/compare-runs?runs={pair}&experiments={quote(json.dumps(['1']))}",
        "Comparing 2 Runs", "answer/accuracy", "chunker.size", "rlc.role",
    )  # fmt: skip
    # The report, opened among the artifacts: it lies in a frame, which is fetched as the page would show it.
    page.shows(
        f"{experiment}/runs/{parent}/artifacts/report/report.html",
        "report.html",
        "recipe.json",
        "provenance.json",
    )
    source = until(
        lambda: page.run(
            "(f => f && f.src)([...document.querySelectorAll('iframe')].find(f => f.src.startsWith('blob:')))"
        ),
        "the report's frame",
    )
    assert "RAG and long context compared: mine (own)" in page.run(
        f"fetch('{source}').then(one => one.text())"
    )
    # The table of answers, and a trace with its spans.
    page.shows(
        f"{experiment}/runs/{rag}/artifacts/answers.json", "prediction", "Ada keeps the lamp.", "lamp.txt"
    )
    page.shows(f"{experiment}/runs/{rag}/traces", "Who keeps the lamp?", "Ada keeps the lamp.")
    trace = first_trace(server[0], rag)
    page.shows(f"{experiment}/traces?selectedEvaluationId={trace}", "Spans", "retrieve", "answer")


def first_trace(address, run_id):
    import mlflow

    return mlflow.MlflowClient(address).search_traces(locations=["1"], run_id=run_id)[0].info.trace_id


def test_a_server_that_goes_away_is_one_message(tracked, server, monkeypatch):
    """The last test of this file: it stops the server."""
    server[1].terminate()
    server[1].wait(timeout=LONGEST)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server[0])
    for name in PATIENCE:
        monkeypatch.delenv(name, raising=False)
    started = time.monotonic()
    with pytest.raises(
        TrackingError, match=r"refused: .*; the results are in .* log them later with: rlc track"
    ):
        track(*tracked)
    assert time.monotonic() - started < 60  # MLflow's own patience is minutes
