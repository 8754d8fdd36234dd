"""Golden cases made with the authors' own code, where `RLC_GOLDEN` names their file (JSON Lines).

A line has `scorer`, `input` (what upstream was given), `prediction` and `expected`.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from rlc.data.errors import MissingExtraError
from rlc.data.records import Document, Example
from rlc.experiments.scorers.measured import SCORERS, scorer_of

FILE = os.environ.get("RLC_GOLDEN", "")
CASES = [json.loads(line) for line in Path(FILE).read_text(encoding="utf-8").splitlines()] if FILE else []
# Upstream's scorers by task, under this project's names.
NAMES = {
    "infinitebench:passkey": "infinitebench:first-integer",
    "infinitebench:number_string": "infinitebench:first-integer",
    "infinitebench:kv_retrieval": "infinitebench:word",
    "infinitebench:longdialogue_qa_eng": "infinitebench:name",
    "infinitebench:longbook_choice_eng": "infinitebench:choice",
    "infinitebench:code_debug": "infinitebench:function",
    "infinitebench:code_run": "infinitebench:last-integer",
    "infinitebench:math_find": "infinitebench:first-number",
    "infinitebench:math_calc": "infinitebench:running-values",
    "loogle:bleu1-bleu4": "loogle:bleu",
    "infinitebench:longbook_qa_chn": "infinitebench:f1-zh",
}
GOLD = ("answers", "outputs", "label", "target", "gold_answers", "gold_key", "gold_keys", "value", "answer")


def scorer_name(case):
    return NAMES.get(case["scorer"], case["scorer"])


def example_of(case):
    given = case["input"]
    gold = next((given[key] for key in GOLD if key in given), ())
    if "reference" in given:  # NeedleBench keeps the keyword behind a star
        gold = given["reference"].rpartition("*")[2]
    if case["scorer"] == "infinitebench:math_calc":
        gold = json.dumps(gold[0])
    gold = json.dumps(gold) if isinstance(gold, dict) else gold
    answers = tuple(map(str, gold)) if isinstance(gold, list) else (str(gold),)
    task = given.get("dataset") or given.get("task") or "qa"
    document = Document(id="d", page_content="text")
    return Example("q", given.get("question", "?"), document, answers, task, metadata=given)


KNOWN = [case for case in CASES if scorer_name(case) in SCORERS]


@pytest.mark.skipif(not FILE, reason="RLC_GOLDEN names no file of golden cases")
@pytest.mark.parametrize("case", KNOWN, ids=[f"{i}-{case['scorer']}" for i, case in enumerate(KNOWN)])
def test_a_golden_case(case):
    try:
        measured = scorer_of(scorer_name(case))(case["prediction"] or "", example_of(case))
    except MissingExtraError as error:
        pytest.skip(str(error))
    expected = case["expected"]
    if isinstance(expected, str):  # a verdict among several
        assert measured.parts == {{"Wrong selection": "wrong"}.get(expected, expected.lower()): 1.0}
    elif isinstance(expected, list):  # what upstream gives side by side
        given = [measured.value, *measured.parts.values()]
        assert sorted(set(expected) - {round(one, 6) for one in given}) == []
    else:
        assert measured.value == pytest.approx(expected, abs=1e-4)


@pytest.mark.skipif(not FILE, reason="RLC_GOLDEN names no file of golden cases")
def test_most_families_have_a_scorer_here():
    left = Counter(case["scorer"] for case in CASES if scorer_name(case) not in SCORERS)
    assert len(KNOWN) + left.total() == len(CASES)
    assert len(KNOWN) >= 97, f"no scorer for {dict(left)}"
