import sys
from dataclasses import replace

import pytest

from rlc.data.errors import SpecError, UsageError
from rlc.data.records import Answer, Document, Example
from rlc.experiments.judges.base import Case
from rlc.experiments.judges.function import FunctionJudge

CODE = """
import numpy

SAID = {"True": True, "share": 0.25, "numpy": numpy.bool_(False), "None": None, "text": "yes", "2": 2, "nan": float("nan")}
number = 3

def judge(question, gold, answer, read):
    assert (question, gold, read) == ("Who met Bob?", ("Ann, in May",), "Ann met Bob in May.")
    return SAID[answer]
"""


@pytest.fixture
def case():
    example = Example("1", "Who met Bob?", Document(id="d", page_content=""), ("Ann, in May",))
    return Case(example, Answer("", ""), "Ann met Bob in May.")


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_judge.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RLC_ALLOW_CODE", "1")
    yield lambda name="judge": FunctionJudge(f"own_judge:{name}")
    sys.modules.pop("own_judge", None)


@pytest.fixture
def judged(own, case):
    return lambda text: own()([replace(case, answer=Answer(text, ""))])[0]


@pytest.mark.parametrize(
    ("text", "correct", "score", "reason"),
    [
        ("True", True, 1.0, "yes"),
        ("share", False, 0.25, "0.25"),
        ("numpy", False, 0.0, "no"),
        ("None", None, 0.0, "no verdict"),
        ("", False, 0.0, "failed"),
    ],
)
def test_what_a_function_returns_is_the_verdict(judged, text, correct, score, reason):
    verdict = judged(text)
    assert (verdict.correct, verdict.score, verdict.reason) == (correct, score, reason)


def test_what_it_raises_costs_one_verdict(judged):
    verdict = judged("unknown")
    assert (verdict.correct, verdict.reason) == (None, "not judged")
    assert verdict.source["error"] == "1: KeyError: 'unknown'"


@pytest.mark.parametrize(("text", "came"), [("text", "'yes'"), ("2", "2"), ("nan", "nan")])
def test_what_is_no_verdict_stops_and_names_the_question(judged, text, came):
    with pytest.raises(UsageError, match=f"returned {came} for the question '1': expected True, False"):
        judged(text)


def test_it_needs_the_users_word_and_must_be_there(own, monkeypatch):
    with pytest.raises(SpecError, match="own_judge:nothing"):
        own("nothing")
    with pytest.raises(UsageError, match="expected a function, got own_judge:number = 3"):
        own("number")
    monkeypatch.delenv("RLC_ALLOW_CODE")
    with pytest.raises(UsageError, match="--allow-code"):
        own()
