"""Stored answers in MLflow's evaluation tab: scorers that hand out the stored verdicts, so that no model is asked."""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import polars as pl

from rlc.experiments.runs.results import ResultRow
from rlc.experiments.study.study import Study
from rlc.experiments.tracking.client import Connection
from rlc.experiments.tracking.place import add_to_record, read_record, results_digest
from rlc.experiments.tracking.traces import traces_of

# A scorer here is a look into a table: the pauses that MLflow keeps between calls of a model serve nothing.
UNLIMITED = {"MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT": "0", "MLFLOW_GENAI_EVAL_SCORER_RATE_LIMIT": "0"}
SCORES = ("value", "correct", "f1", "contains", "abstained")


def evaluate(connection: Connection, study: Study, children: Mapping[str, str], parent: str) -> None:
    """An evaluation run for every reader, over the traces of its child run; one that is there already stays.

    Args:
        connection: MLflow.
        study: The run.
        children: The readers' run ids by name; their traces are what is evaluated.
        parent: The comparison's run id.
    """
    folder, digest = study.run.folder, results_digest(study.run)
    known = read_record(folder).get("evaluated") or {}
    runs = known.get("runs", {})
    if known.get("results") == digest and all(connection.is_alive(runs.get(name)) for name in children):
        return
    for old in runs.values():
        if connection.is_alive(old):
            connection.client.delete_run(old)
    made = {}
    for name, child in children.items():
        rows = {
            row["example_id"]: row
            for row in study.run.table.where(of=pl.col("reader") == name).iter_rows(named=True)
        }
        tags = {
            "rlc.run": folder.name,
            "rlc.reader": name,
            "rlc.kind": "evaluation",
            "rlc.comparison": parent,
        }
        made[name] = connection.create(
            f"{study.reader(name).label}, evaluated", {**tags, "mlflow.parentRunId": parent}
        )
        _evaluate(connection, made[name], list(traces_of(connection, child)), rows)
    add_to_record(folder, evaluated={"results": digest, "runs": made})


def _evaluate(connection: Connection, run_id: str, traces: list[Any], rows: Mapping[str, ResultRow]) -> None:
    mlflow = connection.mlflow
    with _settings(UNLIMITED), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        mlflow.set_experiment(experiment_id=connection.experiment)
        with mlflow.start_run(run_id=run_id):
            mlflow.genai.evaluate(data=traces, scorers=[_scorer(mlflow, score, rows) for score in SCORES])


def _scorer(mlflow: Any, score: str, rows: Mapping[str, ResultRow]) -> Any:  # noqa: ANN401 - MLflow's module and scorer
    """What the results say under this name; nothing where they hold no verdict."""

    @mlflow.genai.scorer(name=score)  # type: ignore[untyped-decorator]
    def stored(inputs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        row = rows[inputs["example_id"]]
        reason = row["reason"] if score == "correct" else None
        return None if row[score] is None else mlflow.entities.Feedback(value=row[score], rationale=reason)

    return stored


@contextmanager
def _settings(values: Mapping[str, str]) -> Iterator[None]:
    """Environment settings for as long as the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
