import json
import re
from collections import Counter

import pytest

from rlc.data.datasets import load_dataset
from rlc.data.errors import EngineUnavailableError, StoreError
from rlc.data.records import Answer
from rlc.experiments.cli.runs import line
from rlc.experiments.report.pages.run import write_report
from rlc.experiments.runs import rounds
from rlc.experiments.runs.compare import Execution, carry_out
from rlc.experiments.runs.listing import read_listed
from rlc.experiments.runs.loop import document_schedule
from rlc.experiments.runs.results_file import RESULTS
from rlc.experiments.runs.rounds import Rounds, in_rounds
from rlc.experiments.runs.run import Run, plan_run
from rlc.experiments.runs.stored import open_run
from rlc.experiments.study.caveats import caveats
from rlc.experiments.study.study import make_study
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.recipe_files import load_recipe


@pytest.fixture
def sample():
    return load_dataset("sample")


def of_kind(make_example, number, length, task="location"):
    return make_example(
        f"q{number}", document_id=f"d{number}", task=task, metadata={"length": length, "type": "book"}
    )


def test_every_beginning_is_a_fair_sample(make_example):
    """Nine long documents before three short ones: in every four there is a short one."""
    examples = [of_kind(make_example, i, "128k" if i < 9 else "32k") for i in range(12)]
    order = [example.metadata["length"] for example in in_rounds(examples)]
    assert set(order[:2]) == set(order[2:4]) == set(order[4:6]) == {"32k", "128k"}
    tasks = [of_kind(make_example, i, "4k", "vt" if i < 9 else "niah") for i in range(12)]
    assert {example.task for example in in_rounds(tasks)[:2]} == {"vt", "niah"}


def test_documents_stay_whole_and_the_seed_alone_decides(sample):
    order = in_rounds(sample.examples)
    assert sorted(order, key=lambda one: one.id) == sorted(sample.examples, key=lambda one: one.id)
    assert [batch for _, batch in document_schedule(["rag"], order)] == [
        batch
        for name in dict.fromkeys(one.document_id for one in order)
        for _, batch in document_schedule(["rag"], [one for one in order if one.document_id == name])
    ]
    assert order == in_rounds(sample.examples) == in_rounds(in_rounds(sample.examples))
    assert order != in_rounds(sample.examples, seed=1)


def test_rounds_end_after_two_documents_and_twice_as_many(make_example):
    examples = [make_example(f"q{i}", document_id=f"d{i // 2}") for i in range(20)]
    clock = iter(range(0, 1000, 20))
    told = Rounds(examples, readers=2, now=lambda: next(clock))
    pairs = [examples[2 * i : 2 * i + 2] for i in range(10) for _ in range(2)]
    assert [len(told.documents) for pair in pairs if told.is_over(pair)] == [2, 4, 8]


def test_rounds_do_not_follow_each_other_at_once(make_example):
    examples = [make_example(f"q{i}", document_id=f"d{i}") for i in range(40)]
    seconds = {2: 0, 4: 3, 5: 9, 6: 10.5}
    done = 0
    told = Rounds(examples, readers=1, now=lambda: seconds.get(done, 11))
    ends = []
    for example in examples[:7]:
        done += 1
        ends += [done] if told.is_over([example]) else []
    assert ends == [2, 6]


def test_whether_a_round_is_over_is_asked_without_a_look_at_all_documents(make_example, monkeypatch):
    examples = [make_example(f"q{i}", document_id=f"d{i}") for i in range(40)]
    told = Rounds(examples, readers=1, now=lambda: 0.0)
    looks = []
    for name in ("values", "items", "__iter__"):
        monkeypatch.setattr(
            Counter, name, lambda *_, name=name: looks.append(name) or iter(()), raising=False
        )
    told.is_over(examples[:1])
    assert looks == []


@pytest.fixture
def stopping(monkeypatch):
    """An engine that is killed with its process after so many prompts, or raises another error then."""
    left = []
    generate = ScriptedLLM.generate

    def count(llm, prompts, **wishes):
        left[0] -= len(prompts)
        if left[0] < 0:
            raise SystemExit if len(left) == 1 else left[1]
        return generate(llm, prompts, **wishes)

    monkeypatch.setattr(ScriptedLLM, "generate", count)
    return left


def test_a_killed_run_leaves_tables_and_a_report_and_goes_on(
    sample, scripted_recipe, tmp_path, monkeypatch, stopping
):
    """Equal rows in the end as in a run that nobody stopped and that has no rounds."""
    monkeypatch.setattr(rounds, "PAUSE", 0.0)
    recipe = {"": load_recipe(scripted_recipe)}
    told = []
    stopping[:] = [100]  # of 150
    run = plan_run(sample, recipe, ["rag", "long"], [], tmp_path)
    with pytest.raises(SystemExit):
        carry_out(run, Execution(on_round=told.append))
    assert [(one.documents, one.of) for one in told] == [(2, 10), (4, 10)]
    assert all(reader["n"] == told[0].summaries[0]["n"] for reader in told[0].summaries)
    assert all(reader["accuracy"]["low"] is not None for reader in told[0].summaries)
    half = open_run(run.id, tmp_path)
    assert half.frame["document_id"].n_unique() == 4
    assert half.frame["reader"].value_counts()["count"].n_unique() == 1  # all readers on the same questions
    assert re.match(r"Provisional: \d+ of 75 questions on 4 of 10 documents", caveats(make_study(half))[0])
    assert (
        " questions on 4 of 10 documents are answered for" in write_report(run.folder, tmp_path).read_text()
    )
    assert "75 questions (4 of 10 documents so far)" in line(read_listed(run.folder))

    stopping[:] = [1000]
    whole = carry_out(run, Execution(on_round=told.append))
    assert "provisional" not in whole.provenance
    plain = plan_run(sample, recipe, ["rag", "long"], [], tmp_path / "other")
    schedule = document_schedule(["rag", "long"], sample.examples)
    wanted = carry_out(plain, Execution(schedule=schedule)).frame
    timed = ["made_of", *(name for name in wanted.columns if name.endswith("seconds"))]
    assert whole.frame.drop(timed).equals(wanted.drop(timed))

    told.clear()
    stopping[:] = [100]
    with pytest.raises(SystemExit):  # asked again: what is whole is not replaced by less
        carry_out(run, Execution(resume=False, on_round=told.append))
    assert not told
    assert open_run(run.id, tmp_path).frame.height == 150


@pytest.mark.parametrize(
    ("reason", "prompts", "readers", "questions"),
    [
        (KeyboardInterrupt(), 0, [], 0),
        (KeyboardInterrupt(), 9, ["rag"], 9),
        (KeyboardInterrupt(), 18, ["rag", "long"], 9),
        (KeyboardInterrupt(), 26, ["rag", "long"], 9),
        (EngineUnavailableError("gone"), 0, [], 0),
        (EngineUnavailableError("gone"), 100, ["rag", "long"], 47),
    ],
)
def test_what_is_broken_off_leaves_a_table_from_the_first_answer(
    sample, scripted_recipe, tmp_path, stopping, reason, prompts, readers, questions
):
    """Of the questions that all readers have answered; where there is none, of every answer. Documents have 9, 8, 7, ..."""
    run = plan_run(sample, {"": load_recipe(scripted_recipe)}, ["rag", "long"], [], tmp_path)
    stopping[:] = [prompts, reason]
    left = []
    with pytest.raises(type(reason)) as raised:
        carry_out(run, Execution(on_left=lambda: left.append(open_run(run.id, tmp_path).frame.height)))
    assert raised.value is reason
    assert left == ([questions * len(readers)] if questions else [])
    if not questions:
        assert not (run.folder / RESULTS).exists()
        return
    half = open_run(run.id, tmp_path)
    assert [(name, rows.height) for (name,), rows in half.frame.group_by("reader", maintain_order=True)] == [
        (name, questions) for name in readers
    ]
    study = make_study(half)
    documents = half.frame["document_id"].n_unique()
    assert caveats(study)[0].startswith(
        f"Provisional: {questions} of 75 questions on {documents} of 10 documents"
    )
    assert all((one["accuracy"]["low"] is None) == (documents < 2) for one in study.summaries)
    assert write_report(run.folder, tmp_path).is_file()
    stopping[:] = [1000]
    assert carry_out(run).reused == prompts
    assert "provisional" not in open_run(run.id, tmp_path).provenance


def test_what_was_stored_while_others_were_awaited_is_in_the_table(
    sample, scripted_recipe, tmp_path, stopping, monkeypatch
):
    run = plan_run(sample, {"": load_recipe(scripted_recipe)}, ["rag", "long"], [], tmp_path)
    [*_, third] = in_rounds(sample.examples)[:12]
    stopping[:] = [18, KeyboardInterrupt]
    leave = Run.leave

    def leave_with_one_more(run, store):
        for reader in run.readers(store).values():
            store.put({reader.keys([third])[0]: Answer("Ada.", "")})
        return leave(run, store)

    monkeypatch.setattr(Run, "leave", leave_with_one_more)
    with pytest.raises(KeyboardInterrupt):
        carry_out(run)
    frame = open_run(run.id, tmp_path).frame
    assert frame.height == 2 * 10
    assert frame.filter(example_id=third.id)["route"].to_list() == ["rag", "long"]


def test_what_cannot_be_left_hides_no_reason(sample, scripted_recipe, tmp_path, stopping, monkeypatch):
    run = plan_run(sample, {"": load_recipe(scripted_recipe)}, ["rag"], [], tmp_path)
    stopping[:] = [9, EngineUnavailableError("gone")]

    def full(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(Run, "leave", full)
    with (
        pytest.warns(UserWarning, match="does not tell of all that is answered: the disk is full"),
        pytest.raises(EngineUnavailableError, match="gone"),
    ):
        carry_out(run)


def test_a_finished_run_tells_of_no_round(sample, scripted_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "PAUSE", 0.0)
    run = plan_run(sample, {"": load_recipe(scripted_recipe)}, ["rag"], [], tmp_path)
    told = []
    carry_out(run, Execution(on_round=told.append))
    assert [one.documents for one in told] == [2, 4, 8]
    carry_out(run, Execution(on_round=told.append))
    assert len(told) == 3
    assert json.loads((run.folder / "provenance.json").read_text()).get("provisional") is None
