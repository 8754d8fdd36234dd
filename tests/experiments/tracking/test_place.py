"""Where runs are tracked, and what is remembered of it."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import make_url

from rlc.experiments.tracking.logger import RunLogger
from rlc.experiments.tracking.place import (
    RECORD,
    TrackingError,
    TrackingPlace,
    add_to_record,
    experiment_page,
    is_tracked,
    place_of,
    read_record,
    results_digest,
    ui_command,
)


def test_the_run_store_unless_the_environment_says_otherwise(tmp_path, monkeypatch):
    place = place_of(tmp_path)
    assert place.uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert (place.artifacts, place.experiment) == ((tmp_path / "mlartifacts").as_uri(), "rlc")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://example.org:5000")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert place_of(tmp_path) == TrackingPlace("http://example.org:5000", None, "mine")


@pytest.mark.parametrize("name", ["a b", "a#b", "a%b", "ä€", "a:b", "a'b", "a&b=c"])
def test_the_database_lies_in_the_run_store_whatever_its_name(tmp_path, name):
    database = make_url(place_of(tmp_path / name).uri).database
    assert database == str(tmp_path / name / "mlflow.db") == str(place_of(tmp_path / name).file)


def test_a_run_store_that_no_address_can_name_is_refused_before_anything_is_asked(tmp_path):
    for name in ("run?x", "run%20x"):
        for refused in (place_of, RunLogger):
            with pytest.raises(
                TrackingError, match="would name another place; give another folder with --out"
            ):
                refused(tmp_path / name)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("postgresql://ann:secret@db:5432/ml", "postgresql://db:5432/ml"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////runs/mlflow.db", "sqlite:////runs/mlflow.db"),
    ],
)
def test_an_address_is_told_without_its_password(uri, name):
    assert TrackingPlace(uri, None, "rlc").name == name


def test_what_is_tracked_is_known_until_results_or_place_change(stored, out, monkeypatch):
    assert not is_tracked(stored, out)
    add_to_record(stored.folder, uri=place_of(out).name, results=results_digest(stored))
    assert is_tracked(stored, out)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert not is_tracked(stored, out)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    results = stored.folder / "results.parquet"
    results.write_bytes(results.read_bytes() + b" ")
    assert not is_tracked(stored, out)


def test_a_database_that_was_removed_has_nothing(stored, out):
    add_to_record(stored.folder, uri=place_of(out).name, results=results_digest(stored))
    (out / "mlflow.db").unlink()
    assert not is_tracked(stored, out)


def test_facts_are_added_and_a_broken_record_says_what_to_do(tmp_path):
    assert read_record(tmp_path) == {}
    add_to_record(tmp_path, parent="1")
    add_to_record(tmp_path, results="2")
    assert read_record(tmp_path) == {"parent": "1", "results": "2"}
    (tmp_path / RECORD).write_text("{")
    with pytest.warns(UserWarning, match=r"mlflow\.json is left out"):
        assert read_record(tmp_path) == {}


def test_ui_needs_a_store(tmp_path, monkeypatch):
    with pytest.raises(TrackingError, match="run `rlc compare` first"):
        ui_command(tmp_path, 5000)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/mlflow.db")
    assert "sqlite:////elsewhere/mlflow.db" in ui_command(tmp_path, 5000)


def test_the_ui_listens_on_this_machine_only(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/mlflow.db")
    monkeypatch.setenv("MLFLOW_HOST", "0.0.0.0")
    command = ui_command(tmp_path, 5000)
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_the_experiments_page_is_told(tmp_path, monkeypatch):
    assert experiment_page(tmp_path) == ""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER, name TEXT)")
        database.execute("INSERT INTO experiments VALUES (7, 'rlc')")
        database.commit()
    assert experiment_page(tmp_path) == "#/experiments/7/runs"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    assert experiment_page(tmp_path) == ""
