import json

import pytest

from rlc.data.tokens import ApproximateTokenizer
from rlc.experiments.research import prune_correctness as correctness
from rlc.experiments.research.pruner_data import Question, labelled
from rlc.experiments.scorers.base import default_scorer
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.retrievers.prune.support.checkpoints import packaged_revision

TOKENIZER = ApproximateTokenizer()
TEXTS = [
    "Nobody saw the ferry leave. The ferry sank in May 1931.",
    "Boats rust in the rain here. It rained for many days.",
]


@pytest.fixture
def questions():
    passages = tuple(labelled(text, lambda piece: "1931" in piece) for text in TEXTS)
    return [
        Question(f"q{i}", f"When did ferry {i} sink?", "test", "nq", f"d{i}", passages, ("1931",))
        for i in range(3)
    ]


def reader():
    """Answers right if the prompt holds the answer."""
    return ScriptedLLM(lambda prompt: "In 1931." if "1931" in prompt.prefix else "In Oslo.")


def test_the_oracle_keeps_what_bears_the_answer_and_lead_does_not(questions):
    known = correctness.references(questions, 0.5, TOKENIZER)
    reads = {
        name: correctness.read(questions, pruner, reader(), TOKENIZER, 24)
        for name, pruner in [("none", None), ("oracle", known["oracle"]), ("lead", known["lead"])]
    }
    assert [one.whole for one in reads["oracle"]] == [True] * 3
    assert [one.whole for one in reads["lead"]] == [False] * 3
    whole = sum(map(TOKENIZER.count, TEXTS))
    assert all(one.tokens <= whole / 2 for name in ("oracle", "lead") for one in reads[name])
    rows = {row["method"]: row for row in correctness.rows_of(questions, reads, default_scorer(), "oracle")}
    assert [rows[name]["contains"]["value"] for name in reads] == [1, 1, 0]
    assert rows["oracle"]["difference"] is None
    assert rows["lead"]["difference"]["value"] == 1


def test_a_failed_answer_is_a_wrong_one(questions):
    [failed] = correctness.read(questions[:1], None, ScriptedLLM({"Who": "1931"}), TOKENIZER, 24)
    assert failed.error
    [score] = correctness.scores(questions[:1], [failed], default_scorer())
    assert not score.contains


def test_stored_answers_are_those_of_the_same_settings_and_weights(questions, tmp_path):
    file, settings = tmp_path / "x.json", {"questions": 3}
    assert correctness.stored(file, settings) == {}
    one = {"tokens": 1, "whole": True, "answer": "a", "error": None}
    report = {"settings": settings, "revision": packaged_revision()}
    file.write_text(json.dumps({**report, "reads": {"none": [one], "provence-mini": [one]}}))
    assert correctness.stored(file, settings)["none"] == [correctness.Read(1, True, "a")]
    assert correctness.stored(file, {"questions": 4}) == {}
    file.write_text(json.dumps({**report, "revision": "x", "reads": {"none": [one], "provence-mini": [one]}}))
    assert sorted(correctness.stored(file, settings)) == ["none"]
