"""The MLflow run of a comparison that starts, stops, is killed, and goes on."""

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from multiprocessing import Pipe

import pytest

from rlc.data.store import Store
from rlc.experiments.report.pages.run import study_of
from rlc.experiments.runs.stored import open_run
from rlc.experiments.tracking.log import track
from rlc.experiments.tracking.logger import FAILED, FINISHED, RunLogger, keep, log_run
from rlc.experiments.tracking.place import TrackingError, read_record


@pytest.fixture
def run(planned, executed, tmp_path):
    """A comparison that has not begun; MLflow's tables are there."""
    (tmp_path / "runs").mkdir()
    shutil.copy(executed / "mlflow.db", tmp_path / "runs")
    return planned(tmp_path / "runs")


@pytest.fixture
def execute(run):
    """Runs it; what it found."""

    def go():
        store = Store(run.out)
        run.execute(run.readers(store))
        store.close()
        return study_of(open_run(str(run.folder), run.out))

    return go


def status(client, run):
    """What MLflow says of the comparison's run: its id and status."""
    info = client(run.out).get_run(read_record(run.folder)["parent"]).info
    return info.run_id, info.status


def test_stopped_killed_and_resumed_it_is_one_run(run, execute, client):
    seen = []

    def looked(word):
        seen.append(status(client, run))
        return word

    for word in ("FAILED", "KILLED"):
        keep(run.folder, run.out, system_metrics=False, ending=lambda word=word: looked(word))
        assert status(client, run)[1] == word
    ours, theirs = Pipe()
    study = execute()
    assert study.overall  # worked out here, and not there again
    said = [(run.folder, run.out, False), study]
    threading.Thread(target=lambda: [ours.send(one) for one in said]).start()
    log_run(theirs)
    assert ours.recv() == ""
    assert status(client, run) == (seen[0][0], "FINISHED")
    assert set(seen) == {(seen[0][0], "RUNNING")}
    assert len(client(run.out).search_runs(["1"])) == 4
    assert read_record(run.folder)["results"]


def test_a_store_that_is_back_in_the_end_gets_the_run(run, execute, client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")

    def back():
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        return execute()

    keep(run.folder, run.out, system_metrics=False, ending=back)
    assert status(client, run)[1] == "FINISHED"


def test_a_process_of_its_own_says_in_one_message_why_it_failed(run, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    logger = RunLogger(run.out)
    logger.end(FINISHED)  # nothing was started, so nothing is to end
    logger.start(run.folder)
    with pytest.raises(TrackingError) as raised:
        logger.end(FAILED)
    assert str(raised.value).startswith("MLflow at sqlite:////proc/nowhere/mlflow.db refused: ")
    assert len(str(raised.value).splitlines()) == 1
    assert not logger.started


def test_the_comparison_itself_never_loads_mlflow():
    code = (
        "import sys, rlc.experiments.cli.comparing, rlc.experiments.cli.track; print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_the_machines_load_is_logged_on_request(run, execute, client, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    logger = RunLogger(run.out, system_metrics=True)
    logger.start(run.folder)
    end = time.monotonic() + 120
    while not (read_record(run.folder).get("parent") and measured(client, run)) and time.monotonic() < end:
        time.sleep(0.5)
    logger.study = execute()
    logger.end(FINISHED)
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= measured(
        client, run
    )
    assert status(client, run)[1] == "FINISHED"


def measured(client, run):
    """The names of the system metrics that the run has."""
    metrics = client(run.out).get_run(read_record(run.folder)["parent"]).data.metrics
    return {name for name in metrics if name.startswith("system/")}


@pytest.mark.slow
def test_a_locked_database_is_one_message(stored, out):
    track(stored, out, traced=0)
    with sqlite3.connect(out / "mlflow.db") as lock:
        lock.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with pytest.raises(TrackingError, match=r"refused: .*database is locked.*rlc track"):
            track(stored, out, traced=0)
        assert time.monotonic() - started < 120
    assert track(stored, out, traced=0) == read_record(stored.folder)["parent"]
