"""The door to MLflow: connecting, and telling its failures apart from ours."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlc.data.errors import require
from rlc.data.lazy import load
from rlc.experiments.tracking.place import Place, TrackingError, place_of

# MLflow's own defaults wait for minutes on a server that is away. What the user has set stays.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
CHATTER = ("mlflow", "alembic", "urllib3", "sqlalchemy")  # what they warn of comes back as the error itself


@dataclass(frozen=True)
class Connection:
    """An MLflow client that answers, and the experiment's id there. `mlflow` is the module, `uri` known to it."""

    mlflow: Any
    client: Any
    experiment: str
    place: Place

    def create(self, name: str, tags: Mapping[str, str]) -> str:
        """A new run, with the tags that MLflow gives every run; its id."""
        from mlflow.tracking.context.registry import resolve_tags

        known = resolve_tags({"mlflow.source.name": "rlc", **tags})
        return str(self.client.create_run(self.experiment, tags=known, run_name=name).info.run_id)

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
        with _addressed(mlflow, place.uri):
            client = mlflow.MlflowClient(place.uri)
            yield Connection(mlflow, client, _experiment(client, place), place)
    except (mlflow.exceptions.MlflowException, SQLAlchemyError, OSError) as error:
        raise TrackingError(
            f"MLflow at {place.name} refused: {_reason(error)}; the results are in {folder}, "
            f"log them later with: rlc track {folder}"
        ) from error


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


def _experiment(client: Any, place: Place) -> str:  # noqa: ANN401 - MLflow's client
    found = client.get_experiment_by_name(place.experiment)
    return str(found.experiment_id if found else client.create_experiment(place.experiment, place.artifacts))


def _reason(error: Exception) -> str:
    """The first line of what was said."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
