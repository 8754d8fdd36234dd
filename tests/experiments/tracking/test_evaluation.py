"""The evaluation tab: stored verdicts, no model."""

import pytest

from rlc.experiments.tracking.log import track
from rlc.experiments.tracking.place import read_record

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_stored_verdicts_become_evaluation_runs_once(stored, out, client):
    parent = track(stored, out, evaluated=True)
    runs = read_record(stored.folder)["evaluated"]["runs"]
    assert set(runs) == {"rag", "long", "length"}
    server = client(out)
    rag = server.get_run(runs["rag"])
    assert rag.data.metrics["correct/mean"] == 0.5  # of the two answers with a verdict, as everywhere
    assert rag.data.tags["mlflow.runType"] == "genai_evaluate"
    assert rag.data.tags["mlflow.parentRunId"] == parent
    traces = server.search_traces(locations=["1"], run_id=runs["rag"])
    assert len(traces) == 3
    verdicts = {
        trace.info.tags["rlc.example_id"].partition(":")[0]: {
            one.name: (one.value, one.rationale) for one in trace.info.assessments
        }
        for trace in traces
        if trace.info.tags["rlc.example_id"].startswith("lamp")
    }
    assert verdicts["lamp.txt"]["correct"] == (True, "words")
    unjudged = [trace for trace in traces if "correct" not in {one.name for one in trace.info.assessments}]
    assert len(unjudged) == 1  # the question without a gold answer

    track(stored, out, evaluated=True)
    assert read_record(stored.folder)["evaluated"]["runs"] == runs
    assert len(server.search_traces(locations=["1"], max_results=100)) == 9
