"""Recorded answers of InfiniteBench and BABILong: whose questions they are, and what is wrong with a file of them."""

import gzip
import json
import os
from pathlib import Path

import pytest

from rlc.data.datasets import load_dataset
from rlc.data.errors import DataError, UsageError
from rlc.data.formats.files import read_rows
from rlc.data.sets.recordings import literal, recorded_models, recordings
from rlc.experiments.scorers.base import default_scorer
from rlc.experiments.scorers.loft import multi_value, rag
from rlc.pipeline.readers.recorded import RecordedReader

ROWS = [
    {"id": 0, "prediction": "A. A bird", "ground_truth": "['A bird', 'A']"},
    {"id": 1, "prediction": "", "ground_truth": "['A cat', 'B']"},
]
ANSWERS = Path(os.environ.get("RLC_ANSWERS", ""))
# The authors' table (OpenBMB/InfiniteBench@88b3daa, README), in percent; one line of a YaRN file of Zh.QA is broken.
TABLE = {
    ("gpt4", "longbook_qa_eng"): 22.44,
    ("gpt4", "code_debug"): 37.06,
    ("claude2", "longdialogue_qa_eng"): 46.50,
    ("yarn-mistral", "longbook_sum_eng"): 9.09,
    ("yarn-mistral", "longbook_qa_chn"): 15.57,
    ("yi-34b-200k", "math_find"): 25.71,
    ("chatglm3", "number_string"): 80.68,
}


@pytest.fixture
def answers(tmp_path):
    file = tmp_path / "gpt" / "preds_longbook_choice_eng.jsonl.gz"
    file.parent.mkdir()
    file.write_bytes(gzip.compress("\n".join([*map(json.dumps, ROWS), '{"id": 2, "pred']).encode()))
    (tmp_path / "org" / "phi").mkdir(parents=True)
    table = tmp_path / "org" / "phi" / "qa1_4k_instruction_yes_examples_yes_post_prompt_yes.csv"
    table.write_text(',target,output,question\n0,garden,"In the\ngarden.",Where is Ann? \n')
    return tmp_path


def values(dataset, root, model):
    reader = RecordedReader(str(root), model, "long", dataset=dataset.name.partition(":")[0])
    score = default_scorer(dataset.measures)
    return [
        score(example, answer).value
        for example, answer in zip(dataset.examples, reader(dataset.examples), strict=True)
    ]


def test_answers_of_a_task_with_a_broken_line(answers):
    dataset = load_dataset("infinitebench:longbook_choice_eng,recorded=gpt", answers)
    assert [example.answers for example in dataset.examples] == [("A bird", "A"), ("A cat", "B")]
    assert "1 broken row(s) left out" in dataset.notes[1]
    assert "line 3: not JSON" in dataset.notes[1]
    assert values(dataset, answers, "gpt") == [1.0, 0.0]  # an empty answer is wrong, as the authors count it
    assert recorded_models("infinitebench", answers) == ["gpt"]


def test_answers_by_length(answers):
    dataset = load_dataset("babilong:qa1,length=4k,recorded=org/phi", answers)
    assert [(one.id, one.question, one.metadata["length"]) for one in dataset.examples] == [
        ("qa1/4k:1", "Where is Ann?", "4k")
    ]
    assert values(dataset, answers, "org/phi") == [1.0]


def test_questions_with_another_gold_answer_fail_with_the_reason(answers):
    dataset = load_dataset("infinitebench:longbook_choice_eng,recorded=gpt", answers)
    (answers / "old").mkdir()
    rows = [{**row, "ground_truth": "['Another', 'A']"} for row in ROWS]
    (answers / "old" / "preds_longbook_choice_eng.jsonl").write_text("\n".join(map(json.dumps, rows)))
    [first, _] = RecordedReader(str(answers), "old", "long", dataset="infinitebench")(dataset.examples)
    assert "another answer counted as right" in first.error


def test_what_is_not_there_is_told(answers, tmp_path):
    with pytest.raises(UsageError, match="no model with recorded answers 'gtp'; did you mean 'gpt'"):
        recordings("infinitebench", answers, "gtp")
    with pytest.raises(UsageError, match="no recorded answers to 'locomo' are known; they are of babilong"):
        recordings("locomo", answers, "gpt")
    with pytest.raises(DataError, match="no such file"):
        load_dataset("infinitebench:passkey,recorded=gpt", answers)
    (answers / "gpt" / "preds_passkey.jsonl").write_text('{"id": 0, "prediction": 3}\n')
    with pytest.raises(DataError, match=r"no row could be read.*expected text under 'prediction', got 3"):
        load_dataset("infinitebench:passkey,recorded=gpt", answers)


def test_a_literal_is_read_and_never_run():
    assert literal("[__import__('os')]") == "[__import__('os')]"


@pytest.mark.skipif(not ANSWERS.name, reason="RLC_ANSWERS names no folder of recorded answers")
@pytest.mark.parametrize(("model", "part"), TABLE)
def test_the_authors_table(model, part):
    root = ANSWERS / "infinitebench"
    found = values(load_dataset(f"infinitebench:{part},recorded={model}", root), root, model)
    assert round(100 * sum(found) / len(found), 2) == TABLE[model, part]


@pytest.mark.skipif(not ANSWERS.name, reason="RLC_ANSWERS names no folder of recorded answers")
@pytest.mark.parametrize(("length", "mean"), [("1k", 58.0), ("32k", 40.6), ("128k", 7.0)])
def test_babilong_by_length(length, mean):
    root, model = ANSWERS / "babilong", "microsoft/Phi-3-mini-128k-instruct"
    found = values(
        load_dataset(f"babilong:qa1,qa2,qa3,qa4,qa5,length={length},recorded={model}", root), root, model
    )
    assert round(100 * sum(found) / len(found), 1) == mean


@pytest.mark.skipif(not ANSWERS.name, reason="RLC_ANSWERS names no folder of recorded answers")
@pytest.mark.parametrize(
    ("task", "scorer", "part", "mean"),
    [("rag_nq", rag, "", 0.9), ("rag_quest", multi_value, "coverage", 0.1)],
)
def test_lofts_examples_with_predictions(task, scorer, part, mean, make_example):
    rows = {
        name: read_rows(ANSWERS / "loft" / task / f"{name}.jsonl", lambda row: row.values)
        for name in ("queries", "preds")
    }
    said = {row["qid"]: row["model_outputs"][0] for row in rows["preds"]}
    found = []
    for row in rows["queries"]:
        measured = scorer(
            json.dumps(said[row["qid"]]), make_example(row["qid"], answers=tuple(row["answers"]))
        )
        found.append(measured.parts[part] if part else measured.value)
    assert sum(found) / len(found) == pytest.approx(mean)
