"""What people said of a run in MLflow."""

import pytest

from rlc.data.errors import DataError
from rlc.experiments.runs.human import HumanVerdict
from rlc.experiments.tracking.client import connect
from rlc.experiments.tracking.feedback import human_feedback
from rlc.experiments.tracking.log import track
from rlc.experiments.tracking.place import read_record
from rlc.experiments.tracking.traces import traces_of


def test_the_newest_yes_or_no_of_a_person_counts(stored, out):
    with pytest.raises(DataError, match="rlc track --traces N"):
        human_feedback(stored, out)
    track(stored, out, traced=2)
    with pytest.raises(DataError, match="no human feedback of yes or no"):
        human_feedback(stored, out)
    with connect(out, stored.folder) as connection:
        from mlflow.entities import AssessmentSource

        [first, second] = traces_of(connection, read_record(stored.folder)["readers"]["long"])

        def say(trace, value, kind="HUMAN", name="correctness", **more):
            source = AssessmentSource(source_type=kind, source_id="someone")
            connection.mlflow.log_feedback(
                trace_id=trace.info.trace_id, name=name, value=value, source=source, **more
            )

        say(first, True, rationale="as the text says")
        say(first, 0.5)
        say(first, "nobody knows")
        say(second, "Yes", name="style")
        say(second, False)
        say(second, True, kind="CODE")
        ids = [trace.info.tags["rlc.example_id"] for trace in (first, second)]
    found = human_feedback(stored, out)
    assert found == {
        (ids[0], "long"): HumanVerdict("yes", "as the text says"),
        (ids[1], "long"): HumanVerdict("no", ""),
    }
    assert human_feedback(stored, out, "style") == {(ids[1], "long"): HumanVerdict("yes", "")}
