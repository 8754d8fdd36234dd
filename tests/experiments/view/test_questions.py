"""Which questions are shown."""

import numpy as np
import pytest

from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.study import make_study
from rlc.experiments.view.questions import PAGE, VERDICTS, Wanted, by_verdict, find

SPECS = {"rag": {"use": "rag"}, "long": {"use": "long"}}


@pytest.fixture
def study(dataset, right, wrong, tmp_path):
    """By question a1, a2, b1, b2: rag is right on b1 alone, long on all; b2 has no gold answer; rag fails on a2."""
    wrong.answers |= {"b1": "$1,500"}
    del wrong.answers["a2"]
    frame = answer_all({"rag": lambda asked: [wrong([one])[0] for one in asked], "long": right}, dataset)
    return make_study(StoredRun(tmp_path, ResultsTable(frame), SPECS))


def ids(study, **wanted):
    return [study.examples["example_id"][place] for place in find(study, Wanted(**wanted))]


def test_by_hand(study, dataset):
    failed = (
        study.rows(study.reader("rag"), "example_id", "error").drop_nulls("error")["example_id"].to_list()
    )
    assert ids(study) == ["a1", "a2", "b1", "b2"]
    assert ids(study, verdict="failed") == failed
    assert ids(study, verdict="right") == [id_ for id_ in ("a1", "a2", "b1") if id_ == "b1" or id_ in failed]
    assert ids(study, verdict="wrong") == []
    assert ids(study, verdict="rag") == []
    assert (
        ids(study, verdict="long")
        == ids(study, verdict="differs")
        == [id_ for id_ in ("a1",) if id_ not in failed]
    )
    assert ids(study, task="location") == ["a1", "b1"]
    assert ids(study, length="4k", task="hallu") == ["a2"]
    assert ids(study, length="8k") == []


def test_words_are_found_in_questions_gold_answers_and_ids(study):
    assert ids(study, text=" KEEPS ") == ["a1"]  # in the question
    assert ids(study, text="not say") == ["a2"]  # in the gold answer
    assert ids(study, text="who knows") == ["b2"]  # in an answer of long
    assert ids(study, text="b2") == ["b2"]
    assert ids(study, text=".*") == []  # a text, no pattern


@pytest.mark.parametrize("verdict", [*VERDICTS, "unheard of"])
def test_a_verdict_is_a_mask_and_one_nobody_knows_takes_all(study, verdict):
    mask = by_verdict(study, study.readers, verdict)
    assert mask.shape == (4,)
    assert mask.dtype == np.bool_
    assert mask.all() == (verdict in ("", "unheard of"))


def test_an_address_comes_back():
    wanted = Wanted("location", "32k", "long", "gpt-4o", "a & b", 3)
    assert wanted.query() == "task=location&length=32k&verdict=long&model=gpt-4o&text=a+%26+b&page=3"
    assert Wanted().query() == ""
    assert Wanted(page=2).query(page=1, id="a/b") == "id=a%2Fb"


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "9" * 40, "²"])
def test_a_page_that_is_none_is_the_first(page):
    assert Wanted.of({"page": page}).page == 1
    assert PAGE == 50
