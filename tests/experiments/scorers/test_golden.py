"""Golden cases made with the authors' own code, where `RLC_GOLDEN` names their file (JSON Lines).

A line has `scorer`, `input` (what upstream was given), `prediction` and `expected`.
"""

import json
import os
from pathlib import Path

import pytest

from rlc.data.errors import MissingExtraError
from rlc.data.records import Document, Example
from rlc.experiments.scorers.authors_judge import authors_judge
from rlc.experiments.scorers.lciteeval import strip_citations
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
    "lciteeval:niah-citation": "lciteeval:needle-citation",
    "loft:multi_value_rag/em": "loft:multi-value",
    "loft:multi_value_rag/subspan_em": "loft:multi-value",
    "loft:rag/subspan_em": "loft:rag",
    "loft:retrieval/mrecall@2": "loft:retrieval",
    "longmemeval:recall-any/recall-all/ndcg": "longmemeval:sessions",
    "longproc:tom": "longproc:beliefs",
    "scbench:scbench_any": "scbench:holds-any",
    "scbench:scbench_kv": "scbench:holds",
}
# What upstream does to a text or a reply beside scoring it.
FUNCTIONS = {
    "lciteeval:strip-citations": lambda case: strip_citations(case["prediction"]),
    "longmemeval:judge-parse": lambda case: authors_judge("longmemeval").accepts(
        case["input"]["judge_reply"]
    ),
}
# A paper's scorer of its own protocol, which is no data set: it counts an empty answer as right.
NOT_OFFERED = {"lc-vs-rag:em"}
GOLD = (
    "answers",
    "outputs",
    "label",
    "target",
    "gold_answers",
    "gold_key",
    "gold_keys",
    "value",
    "answer",
    "golds",
    "gold",
    "error",
)


def scorer_name(case):
    return NAMES.get(case["scorer"], case["scorer"])


def example_of(case):
    given = case["input"]
    gold = next((given[key] for key in GOLD if key in given), ())
    if "reference" in given:  # NeedleBench keeps the keyword behind a star
        gold = given["reference"].rpartition("\n*")[2]
    if case["scorer"].startswith("loft:retrieval"):
        gold = [name for name, _ in gold]
    if case["scorer"] == "infinitebench:math_calc":
        gold = json.dumps(gold[0])
    gold = json.dumps(gold) if isinstance(gold, dict) else gold
    answers = tuple(map(str, gold)) if isinstance(gold, list) else (str(gold),)
    task = given.get("dataset") or given.get("task") or "qa"
    document = Document(id="d", page_content="text")
    return Example("q", given.get("question", "?"), document, answers, task, metadata=given)


def prediction_of(case):
    if "rankings" in case["input"]:  # LongMemEval's are places in a list of ids
        return "\n".join(case["input"]["corpus"][place] for place in case["input"]["rankings"])
    said = case["prediction"] or ""
    return json.dumps(said) if isinstance(said, list) else said


KNOWN = [case for case in CASES if scorer_name(case) in SCORERS]


@pytest.mark.skipif(not FILE, reason="RLC_GOLDEN names no file of golden cases")
@pytest.mark.parametrize("case", KNOWN, ids=[f"{i}-{case['scorer']}" for i, case in enumerate(KNOWN)])
def test_a_golden_case(case):
    try:
        measured = scorer_of(scorer_name(case))(prediction_of(case), example_of(case))
    except MissingExtraError as error:
        pytest.skip(str(error))
    expected = case["expected"]
    if isinstance(expected, str):  # a verdict among several
        assert measured.parts == {{"Wrong selection": "wrong"}.get(expected, expected.lower()): 1.0}
    elif isinstance(expected, list):  # what upstream gives side by side
        given = [measured.value, *measured.parts.values()]
        assert sorted(set(expected) - {round(one, 6) for one in given}) == []
    else:
        assert measured.parts.get(case["input"].get("metric"), measured.value) == pytest.approx(
            expected, abs=1e-4
        )


@pytest.mark.skipif(not FILE, reason="RLC_GOLDEN names no file of golden cases")
def test_what_is_done_to_texts_and_replies():
    cases = [case for case in CASES if case["scorer"] in FUNCTIONS]
    assert [FUNCTIONS[case["scorer"]](case) for case in cases] == [case["expected"] for case in cases]
    assert len(cases) == 4


@pytest.mark.skipif(not FILE, reason="RLC_GOLDEN names no file of golden cases")
def test_every_family_of_an_offered_set_has_a_scorer_here():
    left = {case["scorer"] for case in CASES if scorer_name(case) not in SCORERS} - FUNCTIONS.keys()
    assert left == NOT_OFFERED
    assert len(KNOWN) == 131
