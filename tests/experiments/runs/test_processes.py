"""Several processes: the same rows as one, one writer, and what a dead or a stopped worker means."""

import os
import signal
from dataclasses import replace

import pytest

from rlc.data.errors import EngineUnavailableError
from rlc.data.records import Answer
from rlc.data.store import Store
from rlc.experiments.runs.loop import answer_all, batches
from rlc.experiments.runs.processes import Pool, SendingStore
from rlc.experiments.runs.run import plan_run
from rlc.pipeline.recipe_files import load_recipe

TIMES = ("index_seconds", "retrieve_seconds", "first_token_seconds", "seconds")


@pytest.fixture
def run(findable, scripted_recipe, tmp_path):
    return plan_run(
        findable, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["length"], tmp_path / "many"
    )


def pooled(run, count, kind=Pool):
    store = Store(run.out)
    try:
        stored = run.readers(store)
        missing = run.missing(stored)
        pool = kind(run.specs, stored, store, run.out, count)
        schedule = pool.schedule(list(batches(run.dataset.examples)), missing)
        frame = answer_all(pool.readers, run.dataset, schedule=schedule)
        return frame, sum(map(len, missing.values())), sum(map(len, run.missing(stored).values()))
    finally:
        store.close()


class OneDies(Pool):
    """The first worker is killed before it hears of its batch."""

    def _start(self):
        worker = super()._start()
        if not self._workers:
            os.kill(worker.child.pid, signal.SIGKILL)
        return worker


def test_rows_are_those_of_one_process_and_are_stored(run):
    frame, before, after = pooled(run, 2)
    assert (before, after) == (12, 0)
    alone = replace(run, out=run.out.parent / "one")
    store = Store(alone.out)
    wanted = answer_all(alone.readers(store), run.dataset)
    store.close()
    assert frame.drop(TIMES).equals(wanted.drop(TIMES))
    again, before, _ = pooled(run, 2)  # nothing is missing: no worker is started
    assert before == 0
    assert again.equals(frame)


def test_a_killed_worker_fails_its_rows_and_the_others_go_on(run):
    frame, _, after = pooled(run, 2, OneDies)
    failed = frame.drop_nulls("error")
    assert failed["document_id"].unique().to_list() == ["a"]
    assert failed.height == 6
    assert "WorkerDied" in failed["error"][0]
    assert "SIGKILL" in failed["error"][0]
    assert after == 6, "what failed is asked again by the same command"


def test_without_workers_the_run_stops(run):
    with pytest.raises(EngineUnavailableError, match="all 1 workers died, 1 batches before the end"):
        pooled(run, 1, OneDies)


def test_what_would_fail_every_question_stops_the_run(dataset, tmp_path):
    recipe = load_recipe(
        """
        [readers.long]
        use = "long"
        llm = { use = "endpoint", model = "m", window = 4096, base_url = "http://127.0.0.1:9/v1" }
        """
    )
    run = plan_run(dataset, {"": recipe}, ["long"], [], tmp_path)
    with pytest.raises(EngineUnavailableError, match="nothing answers at"):
        pooled(run, 1)


def test_a_workers_store_hands_on_what_it_would_write(tmp_path):
    sent = []
    Store(tmp_path).put({"old": Answer("1", "")})
    store = SendingStore(tmp_path, sent.append)
    store.put({"new": Answer("2", "")})
    assert {key: answer.text for key, answer in store.get(["old", "new", "none"]).items()} == {
        "old": "1",
        "new": "2",
    }
    assert [list(answers) for answers in sent] == [["new"]]
    assert Store(tmp_path).present(["old", "new"]) == {"old"}


def test_batches_of_several_documents(dataset):
    assert [[e.id for e in batch] for batch in batches(dataset.examples, 2)] == [["a1", "a2", "b1", "b2"]]
    with pytest.raises(ValueError, match="at least 1"):
        list(batches(dataset.examples, 0))
