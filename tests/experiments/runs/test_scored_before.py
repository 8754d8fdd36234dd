"""What the same code has scored is not scored again, and what other code has is."""

from dataclasses import replace

import polars as pl
import pytest

from rlc.data.records import Answer
from rlc.data.store import Store
from rlc.experiments.runs import scored_before
from rlc.experiments.runs.results import RESULTS, read_results
from rlc.experiments.runs.run import plan_run
from rlc.experiments.runs.scored_before import ScoredBefore
from rlc.experiments.scorers import base
from rlc.experiments.scorers.base import default_scorer
from rlc.pipeline.recipe_files import load_recipe


@pytest.fixture
def run(findable, scripted_recipe, tmp_path):
    return plan_run(findable, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["length"], tmp_path)


def executed(run):
    store = Store(run.out)
    try:
        return run.execute(run.readers(store)).frame
    finally:
        store.close()


def test_a_run_that_goes_on_scores_nothing_twice(run, monkeypatch):
    first = executed(run)
    with monkeypatch.context() as patch:
        patch.setattr(base, "score_text", lambda *_: pytest.fail("scored again"))
        assert executed(run).equals(first)
    scored = []
    judged = base.score_text
    monkeypatch.setattr(base, "score_text", lambda *asked: scored.append(asked) or judged(*asked))
    monkeypatch.setattr(scored_before, "scoring_code", lambda: "other code")
    assert executed(run).equals(first)
    assert len(scored) > 1


def test_scores_are_those_of_the_scorer_and_only_of_the_same_answer(run, findable):
    frame = executed(run)
    before, fresh = ScoredBefore(run.folder / RESULTS), default_scorer()
    for example in findable.examples:
        [said] = frame.filter((pl.col("reader") == "long") & (pl.col("example_id") == example.id)).to_dicts()
        answer = Answer(said["prediction"], "long")
        assert before(example, answer) == fresh(example, answer)
        assert before(example, Answer(f"{answer.text} ", "long")) is None
        assert before(replace(example, answers=("other",)), answer) is None


def test_results_that_cannot_be_read_tell_nothing(run, tmp_path, findable):
    executed(run)
    file = run.folder / RESULTS
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    for place in (file, tmp_path / "nowhere"):
        assert ScoredBefore(place)(findable.examples[0], Answer("Ada keeps the lamp.", "long")) is None
    assert read_results_again(run).height == 12


def read_results_again(run):
    executed(run)
    return read_results(run.folder / RESULTS)
