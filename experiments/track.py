"""MLflow: one parent run per comparison, one child per arm and router. The only file that imports mlflow."""

import hashlib
import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlc.data.errors import RlcError
from rlc.data.spec import fingerprint
from rlc.experiments.run import write_json
from rlc.experiments.runs import StoredRun
from rlc.experiments.summary import summarise

EXPERIMENT = "rlc"
LONGEST_PARAMETER = 6000  # MLflow's limit on a value
BATCH = 100  # and on the parameters of one call


class TrackingError(RlcError):
    """MLflow cannot be reached or written; the results on disk are complete without it."""


def tracking_uri(out: Path) -> str:
    """`MLFLOW_TRACKING_URI`, else an SQLite file in the run store."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(out / 'mlflow.db').resolve()}"


def artifact_location(out: Path) -> str | None:
    """Where the experiment's artifacts go: beside the default database; the user's own server decides for itself."""
    return None if os.environ.get("MLFLOW_TRACKING_URI") else (out / "mlartifacts").resolve().as_uri()


def ui_command(out: Path, port: int) -> list[str]:
    """The command line that serves the MLflow UI on the run store, on this machine only.

    Raises:
        TrackingError: if there is no run store yet.
    """
    uri = tracking_uri(out)
    if not os.environ.get("MLFLOW_TRACKING_URI") and not (out / "mlflow.db").is_file():
        raise TrackingError(
            f"no tracked run in {out} yet: run `rlc compare` first, or give its folder with --out"
        )
    return [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port)]


def is_tracked(run: StoredRun, out: Path) -> bool:
    """Whether this place has these results already, so that an unchanged run need not be logged again."""
    known, uri = _known_runs(run.folder), tracking_uri(out)
    there = not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).is_file()
    return there and known.get("uri") == uri and known.get("results") == _digest(run)


def _digest(run: StoredRun) -> str:
    return hashlib.blake2b((run.folder / "results.parquet").read_bytes(), digest_size=16).hexdigest()


def track(run: StoredRun, out: Path) -> str:
    """Log a finished comparison from its folder; the same run logged again stays one MLflow run.

    Returns:
        The id of the parent run.

    Raises:
        TrackingError: if MLflow refuses; the results on disk are not touched.
    """
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    known = _known_runs(run.folder)
    # Asked before MLflow is told of the address, since it then exports it as the user's own setting.
    uri, artifacts = tracking_uri(out), artifact_location(out)
    try:
        mlflow.set_tracking_uri(uri)
        if mlflow.get_experiment_by_name(EXPERIMENT) is None:
            mlflow.create_experiment(EXPERIMENT, artifacts)
        mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run(run_id=_alive(mlflow, known.get("parent")), run_name=run.folder.name) as parent:
            summaries = summarise(run.frame)
            _log_parent(mlflow, run, summaries)
            children = {}
            for summary in summaries:
                name = summary["reader"]
                with mlflow.start_run(
                    run_id=_alive(mlflow, known.get(f"reader:{name}")),
                    run_name=run.labels.get(name, name),
                    nested=True,
                ) as child:
                    _log_reader(mlflow, run, summary)
                    children[f"reader:{name}"] = child.info.run_id
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise TrackingError(
            f"MLflow at {uri} refused: {_first_line(error)}; the results are in {run.folder}, "
            f"log them later with: rlc track {run.folder}"
        ) from error
    record = {"parent": parent.info.run_id, **children, "uri": uri, "results": _digest(run)}
    write_json(run.folder / "mlflow.json", record)
    return str(parent.info.run_id)


def _log_parent(mlflow: Any, run: StoredRun, summaries: Sequence[Mapping[str, Any]]) -> None:  # noqa: ANN401
    data = run.data
    mlflow.set_tags(
        {
            "rlc.run": run.folder.name,
            "rlc.git": str(run.provenance.get("git")),
            "data.name": data.get("name"),
            "data.variant": data.get("variant"),
            "data.revision": data.get("revision"),
            **{f"rlc.resolved.{alias}": label for alias, label in run.labels.items()},
        }
    )
    _log_params(mlflow, {"dataset": str(data.get("name")), "readers": ", ".join(run.specs)})
    with warnings.catch_warnings():  # MLflow warns of its own schema inference on list columns
        warnings.simplefilter("ignore")
        mlflow.log_input(_as_dataset(mlflow, run), context="eval")
    for summary in summaries:  # the runs page folds children away, so the headline stands here too
        metrics = {key: value for key, value in metrics_of(summary).items() if key in HEADLINE}
        mlflow.log_metrics({f"{summary['reader']}/{key}": value for key, value in metrics.items()})
    mlflow.log_artifacts(str(run.folder))


def _as_dataset(mlflow: Any, run: StoredRun) -> Any:  # noqa: ANN401
    columns = ["example_id", "document_id", "task", "length", "type", "question"]
    questions = run.frame.select(columns).unique("example_id", maintain_order=True)
    digest = fingerprint(run.data.get("revision"))
    return mlflow.data.from_polars(questions, name=run.data.get("name"), digest=digest)


def _log_reader(mlflow: Any, run: StoredRun, summary: Mapping[str, Any]) -> None:  # noqa: ANN401
    name = summary["reader"]
    spec = run.specs[name]
    mlflow.set_tags({"rlc.run": run.folder.name, "rlc.reader": name, "data.variant": run.data.get("variant")})
    _log_params(mlflow, flatten(spec))
    mlflow.log_dict(spec, "spec.json")
    mlflow.log_metrics(metrics_of(summary))


HEADLINE = ("answer/accuracy", "answer/failures", "cost/prompt_tokens", "cost/seconds")


def metrics_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """A summary as MLflow metrics in groups; what is unknown is left out."""
    found: dict[str, float | None] = {
        "answer/accuracy": summary["accuracy"]["value"],
        "answer/n": summary["n"],
        "answer/failures": summary["failures"],
        "answer/f1": summary["f1"],
        **{f"answer/accuracy_{task}": accuracy["value"] for task, accuracy in summary["tasks"].items()},
        **{
            f"cost/{key}": summary[key]
            for key in ("prompt_tokens", "cached_tokens", "output_tokens", "first_token_seconds", "seconds")
        },
        **{f"router/share_{route}": share for route, share in summary["shares"].items()},
    }
    return {key: float(value) for key, value in found.items() if value is not None}


def flatten(spec: object, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted parameters."""
    if isinstance(spec, Mapping):
        return {k: v for key, inner in spec.items() for k, v in flatten(inner, f"{prefix}{key}.").items()}
    if isinstance(spec, list):
        return {k: v for i, inner in enumerate(spec) for k, v in flatten(inner, f"{prefix}{i}.").items()}
    return {prefix.rstrip("."): str(spec)[:LONGEST_PARAMETER]}


def _log_params(mlflow: Any, parameters: Mapping[str, str]) -> None:  # noqa: ANN401
    items = list(parameters.items())
    for start in range(0, len(items), BATCH):
        mlflow.log_params(dict(items[start : start + BATCH]))


def _known_runs(folder: Path) -> dict[str, str]:
    import json

    file = folder / "mlflow.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def _alive(mlflow: Any, run_id: str | None) -> str | None:  # noqa: ANN401
    """The run's id if the tracking store still knows it, so that logging again resumes it."""
    if run_id is None:
        return None
    try:
        found = mlflow.get_run(run_id)
    except mlflow.exceptions.MlflowException:
        return None
    return run_id if found.info.lifecycle_stage == "active" else None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
