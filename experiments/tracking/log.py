"""A comparison in MLflow: a parent run, a child per reader, the files, the report and a few traces.

The parent is opened when the comparison starts and ended when it stops; the run's folder keeps the ids, so that
what is resumed or logged again stays one run.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rlc.data.spec import fingerprint, flatten
from rlc.experiments.report.pages.run import make_report, study_of
from rlc.experiments.report.render import write_files
from rlc.experiments.report.sections.answer import sentences
from rlc.experiments.runs.kept import held
from rlc.experiments.runs.naming import name_of
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.study import Study
from rlc.experiments.tracking.client import Connection, connect
from rlc.experiments.tracking.evaluation import evaluate
from rlc.experiments.tracking.figures import HEADLINE, metric_name, metrics_of, taken
from rlc.experiments.tracking.place import add_to_record, read_record, results_digest
from rlc.experiments.tracking.traces import log_traces

TRACED = 5  # questions, for every reader
LONGEST_VALUE = 6_000  # characters that MLflow takes for a parameter; spec.json has the whole
FILES = ("results.parquet", "recipe.json", "provenance.json", "summary.json")
QUESTION_COLUMNS = ["example_id", "document_id", "task", "length", "type", "question"]
TABLE = "answers.json"
TABLE_COLUMNS = [
    "example_id", "task", "document_id", "question", "answers", "prediction", "value", "correct", "reason", "f1", "route",
    "prompt_tokens", "seconds", "error",
]  # fmt: skip


def open_parent(connection: Connection, folder: Path) -> str:
    """The comparison's run, marked as running: the one that its folder remembers, else a new one."""
    known = read_record(folder)
    here = known.get("uri") == connection.place.name
    tags = {"rlc.run": folder.name, "rlc.kind": "comparison", "rlc.folder": str(folder.resolve())}
    parent = known.get("parent") if here else connection.find(tags)
    if connection.is_alive(parent):
        connection.client.update_run(parent, status="RUNNING")
        if here:
            return str(parent)
    else:
        parent = connection.create(name_of(folder) or folder.name, tags)
    fresh = dict.fromkeys(["readers", "traced", "evaluated", "results"])
    add_to_record(folder, uri=connection.place.name, parent=parent, **fresh)
    return str(parent)


def close_parent(connection: Connection, run_id: str, status: str) -> None:
    """End a run as FINISHED, FAILED or KILLED."""
    connection.client.set_terminated(run_id, status)


def track(
    run: StoredRun,
    out: Path,
    traced: int = TRACED,
    evaluated: bool = False,
    data_root: Path | None = None,
) -> str:
    """Log a finished comparison from its folder; the same run logged again stays one MLflow run.

    Args:
        run: The run.
        out: The folder of runs, which says where MLflow is.
        traced: How many questions have a trace for every reader, drawn by a fixed seed.
        evaluated: Push every answer through `mlflow.genai.evaluate` with its stored verdict; each gets a trace.
        data_root: Where the data set lies, for figures and traces that read the passages.

    Returns:
        The id of the parent run.

    Raises:
        DataError: if `data_root` does not hold the run's documents.
        TrackingError: if MLflow refuses; the results on disk are not touched.
        StoreError: if the report cannot be written.
    """
    return log_study(study_of(run, data_root=data_root), out, traced, evaluated)


def log_study(study: Study, out: Path, traced: int = TRACED, evaluated: bool = False) -> str:
    """Log a run whose figures are worked out already.

    Raises:
        TrackingError: if MLflow refuses.
        StoreError: if the report cannot be written.
    """
    run = study.run
    with held(run.folder), connect(out, run.folder) as connection:
        parent = open_parent(connection, run.folder)
        logged = _Logged(connection, study, parent)
        children = {summary["reader"]: logged.reader(summary) for summary in study.summaries}
        add_to_record(run.folder, readers=children)
        logged.comparison()
        log_traces(connection, study, children, study.examples.height if evaluated else traced)
        if evaluated:
            evaluate(connection, study, children, parent)
        for run_id in (*children.values(), parent):
            close_parent(connection, run_id, "FINISHED")
        add_to_record(run.folder, results=results_digest(run))
    return parent


def title_of(study: Study) -> str:
    """What a comparison is called in lists: as its user named it, else models first, since names are cut from behind."""
    if given := name_of(study.run.folder):
        return given
    models = list(dict.fromkeys(model for reader in study.readers for model in reader.models))
    who = (
        ", ".join(models or [reader.label for reader in study.readers])
        if len(models) <= 2
        else f"{len(models)} models"
    )
    return f"{who} on {study.run.data.get('name', 'data')}, {study.run.folder.name.rpartition('-')[2]}"


@dataclass(frozen=True)
class _Logged:
    """What is being logged: parameters, tags, metrics, inputs and artifacts of the parent and its children."""

    connection: Connection
    study: Study
    parent: str

    def reader(self, summary: Mapping[str, Any]) -> str:
        """Log one reader as a child; its id."""
        run, client = self.study.run, self.connection.client
        reader = self.study.reader(summary["reader"])
        known = (read_record(run.folder).get("readers") or {}).get(reader.name)
        named = {"mlflow.parentRunId": self.parent, "rlc.reader": reader.name}
        known = known or self.connection.find(named)
        child = str(known) if self.connection.is_alive(known) else self.connection.create(reader.label, named)
        metrics = metrics_of(self.study, reader, summary)
        spec = run.specs.get(reader.name, {})
        tags = {"rlc.kind": "reader", "rlc.reader": reader.name, "rlc.role": reader.role}
        self._batch(child, flatten(spec), {**tags, "rlc.model": ", ".join(reader.models)}, metrics)
        # The runs page folds children away, so the headline stands at the parent too.
        self._batch(
            self.parent, {}, {}, {f"{reader.name}/{k}": v for k, v in metrics.items() if k in HEADLINE}
        )
        client.log_dict(child, spec, "spec.json")
        self._table(child, self.study.rows(reader, *TABLE_COLUMNS))
        return child

    def comparison(self) -> None:
        """Log the comparison itself, with its files and its report."""
        run, client = self.study.run, self.connection.client
        data = run.data
        params = {
            "dataset": str(data.get("name")),
            "readers": ", ".join(reader.label for reader in self.study.readers),
            "questions": str(self.study.examples.height),
            "documents": str(self.study.examples["document_id"].n_unique()),
        }
        tags = {f"rlc.resolved.{alias}": label for alias, label in run.labels.items()}
        tags["mlflow.note.content"] = "\n\n".join(sentences(self.study))  # shown as the run's description
        self._batch(self.parent, params, tags, {})
        client.update_run(self.parent, name=title_of(self.study))
        for name in FILES:
            if (run.folder / name).is_file():
                client.log_artifact(self.parent, str(run.folder / name))
        client.log_artifacts(self.parent, str(_report(self.study)), "report")

    def _batch(
        self, run_id: str, params: Mapping[str, str], tags: Mapping[str, str], metrics: Mapping[str, float]
    ) -> None:
        """One call for all; tags of the data and a data set as the run's input come with every run's own tags."""
        entities = self.connection.mlflow.entities
        now = int(time.time() * 1000)
        both = {**self._shared_tags(), **tags} if tags else {}
        self.connection.client.log_batch(
            run_id,
            [entities.Metric(metric_name(key), value, now, 0) for key, value in metrics.items()],
            [entities.Param(taken(key), value[:LONGEST_VALUE]) for key, value in params.items()],
            [entities.RunTag(taken(key), value[:LONGEST_VALUE]) for key, value in both.items()],
        )
        if tags:
            self.connection.client.log_inputs(run_id, [self._data()])

    def _shared_tags(self) -> dict[str, str]:
        run = self.study.run
        git = str(run.provenance.get("git") or "")
        data = {f"data.{key}": str(run.data.get(key)) for key in ("name", "variant", "revision")}
        return {
            "rlc.run": run.folder.name,
            "rlc.git": git,
            "mlflow.source.git.commit": git.rstrip("+"),
            **data,
        }

    def _data(self) -> Any:  # noqa: ANN401 - MLflow's input
        """The questions that were asked, with a digest of the data set's revision and the choice among it."""
        mlflow, run = self.connection.mlflow, self.study.run
        questions = self.study.asked_in(*QUESTION_COLUMNS)
        digest = fingerprint([run.data.get("revision"), questions["example_id"].to_list()])
        data = mlflow.data.from_polars(questions, name=str(run.data.get("name")), digest=digest)
        tag = mlflow.entities.InputTag("mlflow.data.context", "eval")
        return mlflow.entities.DatasetInput(data._to_mlflow_entity(), [tag])

    def _table(self, run_id: str, rows: pl.DataFrame) -> None:
        """The reader's answers as a table that the UI shows, and compares between runs.

        It has `log_table`'s form; that itself would add the rows a second time to a run that is logged again.
        """
        shown = rows.with_columns(pl.col("answers").list.join(" | "))
        table = {"columns": shown.columns, "data": [list(row) for row in shown.iter_rows()]}
        self.connection.client.log_dict(run_id, table, TABLE)
        self.connection.client.set_tag(
            run_id, "mlflow.loggedArtifacts", f'[{{"path": "{TABLE}", "type": "table"}}]'
        )


def _report(study: Study) -> Path:
    """The folder of the run's report; one that is older than the results is written again."""
    folder = study.run.folder / "report"
    page, results = folder / "report.html", study.run.folder / "results.parquet"
    if not page.is_file() or page.stat().st_mtime < results.stat().st_mtime:
        write_files(make_report(study), folder)
    return folder
