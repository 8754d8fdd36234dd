"""The headline and its table."""

import pytest

from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.summary import summarise, tasks_of


def test_by_hand(dataset, right, wrong):
    wrong.answers["b1"] = ""  # no text: this question has failed, and no other
    first, second = summarise(answer_all({"right": right, "wrong": wrong}, dataset))
    assert (first["accuracy"]["value"], first["accuracy"]["n"]) == (1.0, 3)
    assert 0 <= first["accuracy"]["low"] < first["accuracy"]["high"] == 1.0
    assert first["tasks"]["location"] == {"value": 1.0, "n": 2}
    assert first["tasks"]["qa"] == {"value": None, "n": 0}
    assert (second["n"], second["failures"]) == (4, 1)
    assert (second["accuracy"]["value"], second["accuracy"]["n"]) == (
        0.0,
        2,
    )  # the failed question is not judged, it is counted apart
    assert first["prompt_tokens"] == 100
    assert first["seconds"] == pytest.approx(1.0)
    assert first["shares"] == {"right": 1.0}


def test_tasks_keep_laras_order(dataset, right):
    assert tasks_of(answer_all({"right": right}, dataset)) == ["location", "hallu", "qa"]


def test_nothing_timed_is_shown_as_nothing(dataset, right):
    right.seconds = 0.0
    [summary] = summarise(answer_all({"right": right}, dataset))
    assert summary["seconds"] is None
