"""The door to MLflow: connecting, and telling its failures apart from ours."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlc.data.errors import require
from rlc.data.lazy import load
from rlc.experiments.tracking.place import TrackingError, TrackingPlace, place_of

# MLflow's own defaults wait for minutes on a server that is away. What the user has set stays.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
log = logging.getLogger(__name__)
CHATTER = ("mlflow", "alembic", "urllib3", "sqlalchemy")  # what they warn of comes back as the error itself


@dataclass(frozen=True)
class Connection:
    """An MLflow client that answers, and the experiment's id there. `mlflow` is the module, `uri` known to it."""

    mlflow: Any
    client: Any
    experiment: str
    place: TrackingPlace

    def create(self, name: str, tags: Mapping[str, str]) -> str:
        """A new run, with the tags that MLflow gives every run; its id."""
        from mlflow.tracking.context.registry import resolve_tags

        known = resolve_tags({"mlflow.source.name": "rlc", **tags})
        return str(self.client.create_run(self.experiment, tags=known, run_name=name).info.run_id)

    def find(self, tags: Mapping[str, str]) -> str | None:
        """The id of the newest run that has these tags, in case whoever made it was killed before it could note it."""
        wanted = " and ".join(
            f"tags.`{name}` = '{value}'" for name, value in tags.items() if "'" not in value
        )
        if len(tags) != wanted.count(" = "):
            return None
        found = self.client.search_runs([self.experiment], wanted, max_results=1)
        return str(found[0].info.run_id) if found else None

    def is_alive(self, run_id: str | None) -> bool:
        """Whether the tracking store still knows the run, so that logging again resumes it."""
        if run_id is None:
            return False
        try:
            found = self.client.get_run(run_id)
        except self.mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return bool(found.info.lifecycle_stage == "active")


@contextmanager
def connect(out: Path, folder: Path) -> Iterator[Connection]:
    """MLflow for as long as the block runs, with its address in force.

    Args:
        out: The folder of runs.
        folder: The run's own; for the message.

    Raises:
        TrackingError: if MLflow refuses, now or within the block.
    """
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    require("mlflow")
    import mlflow
    from sqlalchemy.exc import SQLAlchemyError

    for name in CHATTER:
        logging.getLogger(name).setLevel(logging.ERROR)
    place = place_of(out)
    try:
        if place.file is not None:
            _make_whole(mlflow, place.file)
        with _addressed(mlflow, place.uri):
            client = mlflow.MlflowClient(place.uri)
            yield Connection(mlflow, client, _experiment(client, place), place)
    except (mlflow.exceptions.MlflowException, SQLAlchemyError, OSError) as error:
        raise TrackingError(
            f"MLflow at {place.name} refused: {_reason(error)}; the results are in {folder}, "
            f"log them later with: rlc track {folder}"
        ) from error


def _make_whole(mlflow: Any, file: Path) -> None:  # noqa: ANN401 - the module
    """Make MLflow's database beside its place, so that it stands there whole or not at all.

    Its making is no transaction: cut short, it fails for ever on what is there already. A file that an older version
    left so, without a run in it, is moved aside.
    """
    if file.is_file() and not _is_half(mlflow, file):
        return
    for left in file.parent.glob(f".{file.name}.*"):
        maker = left.name.rpartition(".")[2].partition("-")[0]  # SQLite's journal has a -journal behind
        if not Path(f"/proc/{maker}").exists():  # it was killed
            left.unlink(missing_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        mlflow.MlflowClient(f"sqlite:///{part}").search_experiments(max_results=1)
        with suppress(FileExistsError):  # another process was first: its database is as good
            file.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)


def _is_half(mlflow: Any, file: Path) -> bool:  # noqa: ANN401 - the module
    """Whether the database was left before its making ended; it is then moved aside."""
    if _holds_runs(file):
        return False
    try:
        # MLflow keeps connections by address, and those to a file that is moved aside would stay with it.
        mlflow.MlflowClient(f"sqlite:///{file}?timeout=20").search_experiments(max_results=1)
    except Exception as error:
        if not any(words in str(error) for words in ("already exists", "duplicate column")):
            raise
        aside = file.with_name(f"{file.stem}.damaged-{time.time_ns()}{file.suffix}")
        file.rename(aside)
        log.warning("%s was left half made and holds no run: it is now %s", file, aside)
        return True
    return False


def _holds_runs(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT count(*) FROM runs").fetchone()[0])
    except sqlite3.Error as error:
        return "no such table" not in str(error)


@contextmanager
def measured(connection: Connection, run_id: str) -> Iterator[None]:
    """The machine's load as metrics of the run, every ten seconds or as MLflow's own settings say.

    GPUs are among them where nvidia-ml-py is installed.
    """
    monitor = load("mlflow.system_metrics.system_metrics_monitor:SystemMetricsMonitor")(
        run_id, resume_logging=True, tracking_uri=connection.place.uri
    )
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


@contextmanager
def _addressed(mlflow: Any, uri: str) -> Iterator[None]:  # noqa: ANN401 - the module
    """MLflow exports the address that it is told; afterwards the user's own setting is in force again."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _experiment(client: Any, place: TrackingPlace) -> str:  # noqa: ANN401 - MLflow's client
    found = client.get_experiment_by_name(place.experiment)
    return str(found.experiment_id if found else client.create_experiment(place.experiment, place.artifacts))


def _reason(error: Exception) -> str:
    """The first line of what was said."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
