import itertools

import numpy as np
import pytest

from rlc.experiments.research import prune_quality as quality
from rlc.experiments.research.pruner_data import Question, labelled
from rlc.retrievers.prune.lexical import LexicalPruner


@pytest.fixture
def questions():
    texts = ["Ann met Bob. The ferry sank in May.", "It rained. Nothing was said of boats."]
    made = []
    for i, (text, query) in enumerate(
        [("When did the ferry sink", "May"), ("When did the boats sink", "May")]
    ):
        passages = tuple(labelled(t, lambda piece, gold=query: gold in piece) for t in texts)
        made.append(Question(f"q{i}", text, "test", "nq", f"d{i}", passages))
    return made


@pytest.fixture
def given(questions, monkeypatch):
    from rlc.data.tokens import ApproximateTokenizer

    monkeypatch.setattr(quality, "load_tokenizer", lambda _: ApproximateTokenizer())
    return quality.bench(questions)


def test_what_stays_at_a_compression_by_hand():
    values, tokens = np.array([0.5, 0.1, 0.9, 0.1]), np.array([10.0, 10, 10, 10])
    assert quality.kept_at(values, tokens, 0.0).tolist() == [True] * 4
    assert quality.kept_at(values, tokens, 0.25).tolist() == [True, True, True, False]
    assert quality.kept_at(values, tokens, 1.0).tolist() == [False] * 4


def test_a_threshold_keeps_its_share():
    values, bears = np.array([0.1, 0.2, 0.3, 0.4]), np.array([True, False, True, True])
    assert (values > quality.threshold_at(values, bears, 1.0)).tolist() == [True] * 4
    assert (values > quality.threshold_at(values, bears, 2 / 3)).tolist() == [False, False, True, True]


def test_rows_stand_at_equal_compression(given):
    methods = quality.methods_of(given, {"lexical": LexicalPruner()})
    rows = {row["method"]: row for row in quality.rows_of(given, methods, 0.1, "lexical")}
    assert rows["oracle"]["kept"]["value"] >= rows["lexical"]["kept"]["value"]
    assert rows["lexical"]["difference"] is None
    assert rows["random"]["difference"]["n"] == 2
    assert rows["lexical"]["removed"]["value"] >= rows["oracle"]["removed"]["value"] - 1e-9
    points = quality.curve(methods["oracle"], given)
    assert points[0] == (0, 1)
    assert points[-1] == (1, 0)
    assert all(a[1] >= b[1] for a, b in itertools.pairwise(points))


def test_the_first_passage_alone(questions, given):
    assert len(quality.bench(questions, gold_only=True).tokens) == len(given.tokens) / 2


def test_scaled():
    assert quality.scaled(np.array([1.0, 3.0, 2.0])).tolist() == [0, 1, 0.5]
    assert quality.scaled(np.array([2.0, 2.0])).tolist() == [0, 0]


def test_latency_says_how_busy_the_machine_was(given):
    found = quality.latency(lambda _: LexicalPruner(), tokens=30, passages=2, rounds=2)
    assert 0 < found["bfloat16"]["least"] <= found["bfloat16"]["median"]
    assert found["threads"] >= 1
    assert len(found["load"]) == 2
