"""Two runs compared: matching, what flipped, what differs, and the command."""

from dataclasses import replace

import polars as pl
import pytest
from click.testing import CliRunner

from rlc.data.errors import DataError, UsageError
from rlc.data.store import Store
from rlc.experiments.cli.main import main
from rlc.experiments.report.pages.diff import change_report
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.run import plan_run
from rlc.experiments.runs.stored import open_run
from rlc.experiments.study.diff import diff_runs
from rlc.pipeline.recipe_files import load_recipe


@pytest.fixture
def make_run(tmp_path, dataset, scripted_recipe):
    """A stored run of both arms under another script."""

    def make(answer="Ada keeps the lamp.", data=dataset, arms=("rag", "long"), k=2):
        text = scripted_recipe.replace("Ada keeps the lamp.", answer).replace("k = 2", f"k = {k}")
        run = plan_run(data, {"": load_recipe(text)}, arms, [], tmp_path)
        store = Store(tmp_path)
        run.execute(run.readers(store))
        store.close()
        return open_run(run.id, tmp_path)

    return make


def test_by_hand(make_run):
    """a1 goes from right to wrong, a2 (not told in the text) from wrong to right; b1 stays wrong, b2 has no gold."""
    found = diff_runs(make_run(), make_run("The text does not say.", k=1))
    [rag, long] = found.changes
    assert [flip.example_id for flip in rag.gained] == ["a2"]
    assert [flip.example_id for flip in rag.lost] == ["a1"]
    assert (rag.gained[0].first, rag.gained[0].second) == ("Ada keeps the lamp.", "The text does not say.")
    assert rag.comparison.difference.value == 0.0
    assert rag.comparison.difference.n == 3
    assert (rag.same, rag.answered) == (0, 3), "nothing is retrieved for b2"
    assert ("retriever.k", "2", "1") in rag.settings
    assert len(long.settings) == 1  # the script
    assert rag.tokens.value < 0
    assert long.tokens.value == 0
    assert found.questions == 4


def test_a_run_differs_from_itself_in_nothing(make_run):
    run = make_run()
    found = diff_runs(run, run)
    assert not found.origin
    for one in found.changes:
        assert (one.same, one.gained, one.lost, one.settings) == (one.answered, [], [], [])
        assert one.comparison.difference.value == 0.0


def test_another_judge_is_said_and_why_each_verdict_was_given(make_run):
    run = make_run()
    judge = {"use": "correctness", "llm": {"use": "scripted"}}
    told = {"name": "model (correctness)", "spec": judge, "judged": 7, "not_judged": 0, "calls": 7}
    said = pl.when(pl.col("value").is_not_null()).then(0.0)
    frame = run.frame.with_columns(
        value=said, measure=pl.lit("model (correctness)"), note=pl.lit("no, says it")
    )
    other = replace(run, table=ResultsTable(frame), provenance={**run.provenance, "judged_by": told})
    found = diff_runs(run, other)
    assert found.judges == ("the rules", "model (correctness)")
    assert [key for key, *_ in found.origin] == [
        "judged_by.name",
        "judged_by.spec.use",
        "judged_by.spec.llm.use",
    ], "its verdicts and its cost are no origin"
    assert all(one.same == one.answered for one in found.changes)
    page = change_report(found)
    assert page.loud
    assert "judged differently (the rules, then model (correctness))" in page.banner
    assert "7 of 7 answers are the same text" in page.banner
    [flip] = found.changes[0].lost
    assert (flip.first_reason, flip.second_reason) == (
        run.frame.filter(example_id="a1")["reason"][0],
        "no, says it",
    )
    assert diff_runs(other, other).judges is None
    lenient = {**told, "spec": {**judge, "max_tokens": 9}}
    again = replace(other, provenance={**other.provenance, "judged_by": lenient})
    assert "in both, with other settings" in change_report(diff_runs(other, again)).banner
    assert not change_report(diff_runs(run, run)).loud


def test_turning_it_round_turns_the_signs(make_run):
    runs = make_run(), make_run("Ada? The text does not say.")
    there, back = diff_runs(*runs), diff_runs(*reversed(runs))
    for one, other in zip(there.changes, back.changes, strict=True):
        assert one.comparison.difference.value == -other.comparison.difference.value
        assert [f.example_id for f in one.gained] == [f.example_id for f in other.lost]


def test_readers_are_mapped_and_the_rest_is_named(make_run):
    first, second = make_run(arms=("rag",)), make_run("Bob.", arms=("long",))
    [change] = diff_runs(first, second, {"rag": "long"}).changes
    assert (change.first, change.second) == ("rag", "long")
    with pytest.raises(UsageError, match=r"no reader is in both runs.*--map FIRST=SECOND"):
        diff_runs(first, second)
    with pytest.raises(UsageError, match="--map: no reader 'rga'; did you mean 'rag'"):
        diff_runs(first, second, {"rga": "long"})
    assert diff_runs(make_run(), first).alone == (["long"], [])


def test_only_questions_of_both_count(make_run, dataset):
    found = diff_runs(make_run(), make_run(data=dataset.where(lambda e: e.document_id == "a")))
    assert (found.questions, found.asked) == (2, (2, 0))
    assert found.changes[0].comparison.difference.n == 2
    assert "2 are in made-own-" in change_report(found).banner
    alone = make_run(data=dataset.where(lambda e: e.document_id == "b"))
    with pytest.raises(UsageError, match="no question in common"):
        diff_runs(make_run(data=dataset.where(lambda e: e.document_id == "a")), alone)


def test_equal_ids_of_other_questions_are_refused(make_run, dataset):
    other = replace(
        dataset, examples=tuple(replace(e, question=f"{e.question}?") for e in dataset.examples), name="x"
    )
    with pytest.raises(DataError, match="4 of 4 questions read otherwise"):
        diff_runs(make_run(), make_run(data=other))


def test_the_command_and_its_page(make_run, tmp_path):
    first, second = make_run(), make_run("The text does not say.")
    page = tmp_path / "page.html"
    words = ["diff", first.folder.name, str(second.folder), "--out", str(tmp_path), "--html", str(page)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "to right: a2" in result.stdout
    assert "Not told apart: rag (+0.0 points), long (+0.0 points)." in result.stdout.split("By reader")[0], (
        "the answer first"
    )
    assert "to wrong: a1" in page.read_text()
    assert "to right: a2" not in CliRunner().invoke(main, [*words[:5], "--flips", "0"]).stdout
    assert CliRunner().invoke(main, [*words[:5], "--map", "rag"]).exit_code == 2
