"""The loop: every reader, every example, no row missing."""

import pytest

from rlc.data.errors import EngineUnavailableError, RlcError
from rlc.data.records import Answer
from rlc.experiments.runs.compare import batches, compare
from rlc.experiments.runs.results import SCHEMA


def test_a_row_per_reader_and_example_with_verdicts(dataset, right, wrong):
    frame = compare({"right": right, "wrong": wrong}, dataset)
    assert dict(frame.schema) == SCHEMA
    assert frame["reader"].to_list() == ["right"] * 4 + ["wrong"] * 4
    assert frame["example_id"].to_list() == ["a1", "a2", "b1", "b2"] * 2
    assert frame["correct"].to_list() == [True, True, True, None, False, False, False, None]
    assert frame["route"].to_list() == frame["reader"].to_list()


def test_a_batch_is_the_questions_of_one_document(dataset, right):
    compare({"right": right}, dataset)
    assert right.asked == [["a1", "a2"], ["b1", "b2"]]
    assert [[e.id for e in batch] for batch in batches(dataset.examples)] == right.asked


def test_one_bad_question_costs_only_itself(dataset, right):
    del right.answers["a1"]
    frame = compare({"right": right}, dataset)
    assert frame["error"].to_list() == ["KeyError: 'a1'", None, None, None]
    assert frame["correct"].to_list() == [None, True, True, None]
    assert frame["prediction"].to_list()[0] == ""


def test_an_empty_answer_is_a_failure_not_a_wrong_answer(dataset, right):
    right.answers["a1"] = "  "
    frame = compare({"right": right}, dataset)
    assert frame["error"].to_list()[0].startswith("EmptyAnswer")
    assert frame["correct"].to_list()[0] is None


def test_what_fails_every_question_stops_the_run(dataset):
    def unreachable(examples, /):
        raise EngineUnavailableError("nobody listens")

    with pytest.raises(EngineUnavailableError, match="nobody listens"):
        compare({"gone": unreachable}, dataset)


def test_a_reader_that_loses_an_answer_is_refused(dataset):
    def short(examples, /):
        return [Answer("one", "")]

    with pytest.raises(RlcError, match="1 answers to 2 questions"):
        compare({"short": short}, dataset)


def test_on_batch_hears_of_every_batch(dataset, right):
    heard = []
    compare(
        {"right": right}, dataset, on_batch=lambda name, examples, answers: heard.append((name, len(answers)))
    )
    assert heard == [("right", 2), ("right", 2)]
