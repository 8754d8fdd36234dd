"""The loop: every reader, every example, no row missing."""

import json

import pytest

from rlc.data.errors import DataError, EngineUnavailableError, RlcError
from rlc.data.records import Answer, Evidence, Usage
from rlc.experiments.runs.loop import answer_all, batches
from rlc.experiments.runs.results import SCHEMA
from rlc.experiments.runs.results_file import write_results
from rlc.experiments.runs.summary import summarise


def test_a_row_per_reader_and_example_with_verdicts(dataset, right, wrong):
    frame = answer_all({"right": right, "wrong": wrong}, dataset)
    assert dict(frame.schema) == SCHEMA
    assert frame["reader"].to_list() == ["right"] * 4 + ["wrong"] * 4
    assert frame["example_id"].to_list() == ["a1", "a2", "b1", "b2"] * 2
    assert frame["correct"].to_list() == [True, True, True, None, False, False, False, None]
    assert frame["route"].to_list() == frame["reader"].to_list()


def test_a_batch_is_the_questions_of_one_document(dataset, right):
    answer_all({"right": right}, dataset)
    assert right.asked == [["a1", "a2"], ["b1", "b2"]]
    assert [[e.id for e in batch] for batch in batches(dataset.examples)] == right.asked


def test_one_bad_question_costs_only_itself(dataset, right):
    def picky(examples, /):
        if any(example.id == "a1" for example in examples):
            raise DataError("not this one")
        return right(examples)

    frame = answer_all({"picky": picky}, dataset)
    assert frame["error"].to_list() == ["DataError: not this one", None, None, None]
    assert frame["correct"].to_list() == [None, True, True, None]
    assert frame["prediction"].to_list()[0] == ""


def test_what_would_come_again_is_not_paid_twice(dataset, right):
    del right.answers["a1"]
    frame = answer_all({"right": right}, dataset)
    assert frame["error"].to_list() == ["KeyError: 'a1'", "KeyError: 'a1'", None, None]
    assert right.asked == [["a1", "a2"], ["b1", "b2"]]


def test_a_mistake_in_the_code_stops_the_run_at_the_third_time(dataset):
    asked = []

    def mistaken(examples, /):
        asked.extend(examples)
        return examples.answers

    readers = {"one": mistaken, "two": mistaken}
    with pytest.raises(RlcError, match=r"3 times.*no attribute 'answers'.*Mend the reader"):
        answer_all(readers, dataset)
    assert len(asked) == 6


def test_other_mistakes_are_counted_apart(dataset):
    def varied(examples, /):
        raise TypeError(examples[0].id)

    frame = answer_all({"one": varied, "two": varied}, dataset)
    assert frame["error"].null_count() == 0


def test_an_empty_answer_is_a_failure_not_a_wrong_answer(dataset, right):
    right.answers["a1"] = "  "
    frame = answer_all({"right": right}, dataset)
    assert frame["error"].to_list()[0].startswith("EmptyAnswer")
    assert frame["correct"].to_list()[0] is None


def test_what_fails_every_question_stops_the_run(dataset):
    def unreachable(examples, /):
        raise EngineUnavailableError("nobody listens")

    with pytest.raises(EngineUnavailableError, match="nobody listens"):
        answer_all({"gone": unreachable}, dataset)


def test_a_reader_that_loses_an_answer_is_refused(dataset):
    def short(examples, /):
        return [Answer("one", "")]

    with pytest.raises(RlcError, match="1 answers to 2 questions"):
        answer_all({"short": short}, dataset)


def test_on_batch_hears_of_every_batch(dataset, right):
    heard = []
    answer_all(
        {"right": right}, dataset, on_batch=lambda name, examples, answers: heard.append((name, len(answers)))
    )
    assert heard == [("right", 2), ("right", 2)]


@pytest.mark.parametrize(
    "poison",
    [
        Answer("It is 1e999 m, or 10 x 10^999, or 1e" + "9" * 4301, ""),
        Answer("half a \ud800 character", ""),
        Answer("x", "", usage=Usage(prompt_tokens=10**30)),
        Answer("x", "", usage=Usage(output_tokens=-1)),
        Answer("x", "", usage=Usage(prompt_tokens=1.5)),
        Answer("x", "", usage=Usage(prompt_tokens=None)),
        Answer("x", "", usage=Usage(seconds=float("inf"))),
        Answer("x", "", usage=Usage(seconds=float("nan"))),
        Answer("x", "", evidence=(Evidence("a", 0, 2**63),)),
        Answer("x", "", details={"x": object()}),
    ],
)
def test_no_answer_can_stop_the_run(dataset, tmp_path, poison):
    def read(examples, /):
        return [poison if e.id == "a1" else Answer("Ada.", "") for e in examples]

    frame = answer_all({"read": read}, dataset)
    assert frame["example_id"].to_list() == ["a1", "a2", "b1", "b2"]
    assert frame["error"].null_count() >= 3
    for error in frame["error"].drop_nulls():
        assert error.startswith("cannot be judged or counted: ")
    write_results(frame, tmp_path / "results.parquet")
    json.dumps(summarise(frame), allow_nan=False)


def test_rows_are_sorted_however_they_arrive_and_wait(dataset, right, wrong, monkeypatch):
    whole = answer_all({"right": right, "wrong": wrong}, dataset)
    monkeypatch.setattr("rlc.experiments.runs.rows.BLOCK", 1)
    backwards = [(name, [e]) for e in reversed(dataset.examples) for name in ("wrong", "right")]
    assert answer_all({"right": right, "wrong": wrong}, dataset, schedule=backwards).equals(whole)
