"""Human feedback in MLflow: what people said of a run's traces, as human verdicts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.experiments.runs.human import HumanVerdict, Verdicts
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.tracking.client import Connection, connect
from rlc.experiments.tracking.place import read_record
from rlc.experiments.tracking.traces import traces_of

WORDS: Mapping[object, str] = {  # 1 and 0 are True and False
    True: "yes", "yes": "yes", "true": "yes", "correct": "yes", "right": "yes", "pass": "yes",
    False: "no", "no": "no", "false": "no", "incorrect": "no", "wrong": "no", "fail": "no",
}  # fmt: skip


def human_feedback(run: StoredRun, out: Path, name: str = "") -> Verdicts:
    """What people said of the run's answers in MLflow's UI, or by `mlflow.log_feedback` with a HUMAN source.

    The newest valid feedback on a trace counts; a value that is no yes or no is left out. `name` takes feedback of that
    name only.

    Raises:
        DataError: if the run was not logged, or nobody said anything.
        TrackingError: if MLflow refuses.
    """
    children = read_record(run.folder).get("readers", {})
    if not children:
        raise DataError(
            f"{run.folder} is not in MLflow, so nobody can have judged it there: log it with rlc track --traces N"
        )
    with connect(out, run.folder) as connection:
        found = {key: said for child in children.values() for key, said in _of_run(connection, child, name)}
    if not found:
        raise DataError(
            f"no human feedback of yes or no on the traces of {run.folder.name} in {connection.place.name}: give some in the "
            "MLflow UI (rlc ui), or a CSV file with --human"
        )
    return found


def _of_run(connection: Connection, child: str, name: str) -> list[tuple[tuple[str, str], HumanVerdict]]:
    said = []
    for trace in traces_of(connection, child):
        given = [one for one in trace.info.assessments or [] if _is_human(one, name)]
        if given:
            newest = max(given, key=lambda one: one.last_update_time_ms or 0)
            place = trace.info.tags["rlc.example_id"], trace.info.tags["rlc.reader"]
            said.append((place, HumanVerdict(WORDS[_word(newest)], newest.rationale or "")))
    return said


def _is_human(assessment: Any, name: str) -> bool:  # noqa: ANN401 - MLflow's record
    kept = assessment.source.source_type == "HUMAN" and getattr(assessment, "valid", True) is not False
    return kept and _word(assessment) in WORDS and name in ("", assessment.name)


def _word(assessment: Any) -> object:  # noqa: ANN401 - MLflow's record
    value = getattr(assessment, "value", None)
    if isinstance(value, str):
        return value.strip().casefold()
    return value if isinstance(value, bool | int | float) else None
