"""MLflow's database and runs after somebody was killed in the middle."""

import os
import sqlite3

import pytest

from rlc.experiments.tracking.client import connect
from rlc.experiments.tracking.place import TrackingError

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_place(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_half_made_database_without_runs_is_moved_aside_and_runs_are_found_by_their_tags(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as half:
        half.execute("CREATE TABLE secrets (name TEXT)")
    for name in ("999999999", "999999999-journal", f"{os.getppid()}-journal"):
        (tmp_path / f".mlflow.db.{name}").write_bytes(b"a maker's, who was killed or is at work")
    with connect(tmp_path, tmp_path / "run") as connection:
        made = connection.create("one", {"rlc.run": "one", "rlc.kind": "comparison"})
        assert connection.find({"rlc.run": "one", "rlc.kind": "comparison"}) == made
        assert connection.find({"rlc.run": "other", "rlc.kind": "comparison"}) is None
        assert connection.find({"rlc.run": "o'ne"}) is None
    names = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert sum(name.startswith("mlflow.damaged-") for name in names) == 1
    left = [name for name in names if name.startswith(".mlflow.db.")]
    assert left == [f".mlflow.db.{os.getppid()}-journal"], "its maker lives"


def test_a_half_made_database_with_runs_is_left_where_it_is(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as half:
        half.execute("CREATE TABLE secrets (name TEXT)")
        half.execute("CREATE TABLE runs (run_uuid TEXT)")
        half.execute("INSERT INTO runs VALUES ('mine')")
    with pytest.raises(TrackingError, match="refused"), connect(tmp_path, tmp_path / "run"):
        pass
    assert [path.name for path in tmp_path.glob("mlflow*")] == ["mlflow.db"]
