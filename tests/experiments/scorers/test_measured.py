import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import MissingExtraError, UsageError
from rlc.data.records import Answer
from rlc.experiments.scorers.base import Score, default_scorer
from rlc.experiments.scorers.measured import SCORERS, Measured, scorer_of


def test_a_task_with_a_measure_is_scored_by_it_and_judged_beside_it(make_example):
    example = make_example("q", answers=("1234567", "7654321"), task="niah")
    score = default_scorer({"niah": "ruler:match-all"})(example, Answer("It is 1234567.", "rag"))
    assert (score.measure, score.value, score.note) == ("ruler:match-all", 0.5, "")
    assert score.correct is not None


def test_without_a_measure_the_value_is_the_verdict(make_example):
    example = make_example("q", answers=("Bob",))
    right, wrong = (default_scorer()(example, Answer(text, "rag")) for text in ("Bob", "Nobody at all."))
    assert (right.measure, right.value, wrong.value) == ("rule", 1.0, 0.0)
    assert Score().value is None


def test_a_failed_answer_has_no_value(make_example):
    score = default_scorer({"qa": "ruler:match-all"})(make_example("q"), Answer("", "", error="gone"))
    assert (score.measure, score.value, score.reason) == ("ruler:match-all", None, "failed")


def test_an_unknown_measure_is_told_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'ruler:match-all'"):
        default_scorer({"qa": "ruler:match-al"})


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_a_measure_lies_between_0_and_1(value):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Measured(value)


@pytest.mark.parametrize("name", SCORERS)
@given(prediction=st.text(), answers=st.lists(st.text(), max_size=3))
def test_every_scorer_takes_any_text(name, prediction, answers):
    from rlc.data.records import Document, Example

    example = Example("q", "Who?", Document(id="d", page_content="x"), tuple(answers))
    try:
        measured = scorer_of(name)(prediction, example)
    except MissingExtraError:  # Chinese words and ROUGE-L are an extra
        return
    assert 0 <= measured.value <= 1
    assert all(math.isfinite(part) for part in measured.parts.values())
