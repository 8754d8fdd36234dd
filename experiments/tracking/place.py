"""Where runs are tracked, and what a run's folder remembers of it; MLflow itself is not loaded here."""

import hashlib
import os
import sqlite3
import sys
import warnings
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rlc.data.errors import RlcError, require
from rlc.data.plain import parse_json
from rlc.experiments.runs.run import write_json
from rlc.experiments.runs.stored import StoredRun

RECORD = "mlflow.json"


class TrackingError(RlcError):
    """MLflow cannot be reached or written; the results on disk are complete without it."""


@dataclass(frozen=True)
class TrackingPlace:
    """A tracking server or database, and the experiment there.

    `artifacts` is where the artifacts of a new experiment go: beside the default database; None leaves it to the
    user's own server.
    """

    uri: str
    artifacts: str | None
    experiment: str

    @property
    def name(self) -> str:
        """The address without user and password, for messages and files."""
        parts = urlsplit(self.uri)
        host = parts.netloc.rpartition("@")[2]
        return self.uri.replace(f"//{parts.netloc}", f"//{host}", 1) if parts.netloc else self.uri

    @property
    def file(self) -> Path | None:
        """The file of the database that this project makes itself; None for the user's own server."""
        return None if self.artifacts is None else Path(self.uri.removeprefix("sqlite:///"))

    @property
    def exists(self) -> bool:
        """Whether a database file is there; a server is taken to be."""
        return not self.uri.startswith("sqlite:///") or Path(self.uri.removeprefix("sqlite:///")).is_file()


def place_of(out: Path) -> TrackingPlace:
    """`MLFLOW_TRACKING_URI`, else an SQLite file in the run store; `MLFLOW_EXPERIMENT_NAME`, else `rlc`.

    Raises:
        TrackingError: if the run store's path cannot stand in a database's address: the database would lie elsewhere.
    """
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "rlc"
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return TrackingPlace(uri, None, experiment)
    store = out.resolve()
    if "?" in str(store) or unquote(str(store)) != str(store):  # MLflow reads its address in two ways
        raise TrackingError(
            f"{store}: MLflow's database cannot lie in a folder with '?' or '%' and two digits in its path, for its address "
            "would name another place; give another folder with --out, or do without MLflow by --no-track"
        )
    return TrackingPlace(f"sqlite:///{store / 'mlflow.db'}", (store / "mlartifacts").as_uri(), experiment)


def ui_command(out: Path, port: int) -> list[str]:
    """The command line that serves the MLflow UI on the run store, on this machine only.

    Raises:
        TrackingError: if there is no run store yet.
    """
    require("mlflow")
    place = place_of(out)
    if place.artifacts is not None and not place.exists:
        raise TrackingError(
            f"no tracked run in {out} yet: run `rlc compare` first, or give its folder with --out"
        )
    address = ["--backend-store-uri", place.uri, "--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "mlflow", "ui", *address, "--workers", "1"]  # one person looks


def experiment_page(out: Path) -> str:
    """Where the MLflow UI shows the runs: the experiment's page of the run store, else its front page."""
    place = place_of(out)
    if place.file is None or not place.exists:
        return ""
    asked = "SELECT experiment_id FROM experiments WHERE name = ?"
    try:
        with closing(sqlite3.connect(f"{place.file.as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(asked, (place.experiment,)).fetchone()
    except sqlite3.Error:
        return ""
    return f"#/experiments/{found[0]}/runs" if found else ""


def is_tracked(run: StoredRun, out: Path) -> bool:
    """Whether this place has these results already, so that an unchanged run need not be logged again."""
    place, known = place_of(out), read_record(run.folder)
    return place.exists and known.get("uri") == place.name and known.get("results") == results_digest(run)


def results_digest(run: StoredRun) -> str:
    """A digest of the run's results."""
    return hashlib.blake2b((run.folder / "results.parquet").read_bytes(), digest_size=16).hexdigest()


def read_record(folder: Path) -> dict[str, Any]:
    """What was logged of a run, and where: empty where nothing was, or where the file is damaged, which is said."""
    file = folder / RECORD
    if not file.is_file():
        return {}
    try:
        return dict(parse_json(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        warnings.warn(f"{file} is left out ({error}): the run is looked for in MLflow", stacklevel=2)
        return {}


def add_to_record(folder: Path, **facts: object) -> None:
    """Keep more facts of a run beside those that are there."""
    write_json(folder / RECORD, {**read_record(folder), **facts})
