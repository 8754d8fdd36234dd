"""Rankings with the room that the intervals leave, and what each axis does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlc.data.records import Answer, Usage
from rlc.experiments.report.pages.sweep import places
from rlc.experiments.runs.results import row, to_frame
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.scorers.base import Score
from rlc.experiments.statistics.resample import pairwise_p, sign_flip_p
from rlc.experiments.study.ranking import against, effects, rank
from rlc.experiments.study.study import make_study


@pytest.fixture
def make(dataset, tmp_path):
    """A study of readers by how their answers to so many documents with one question each turn out."""
    [pattern, *_] = dataset.examples

    def study(outcomes, tokens=None):
        rows = []
        for name, verdicts in outcomes.items():
            for i, right in enumerate(verdicts):
                document = pattern.document.model_copy(update={"id": f"d{i:02}"})
                example = replace(pattern, id=f"q{i:02}", document=document)
                usage = Usage(prompt_tokens=(tokens or {}).get(name, 100), seconds=1.0)
                failed = right is None
                answer = Answer("x", name, usage=usage, error="Failed" if failed else None)
                score = Score(None if failed else bool(right), "rule", 0.0, False, False)
                rows.append(row(name, example, answer, score))
        return make_study(StoredRun(tmp_path, ResultsTable(to_frame(rows))))

    return study


def test_places_by_hand(make):
    """On 16 documents, good beats bad on all and cannot be told from fair, which differs on one."""
    found = rank(make({"bad": [0] * 16, "good": [1] * 16, "fair": [1] * 15 + [0]}))
    assert [(p.reader.name, p.first, p.last, p.winner) for p in found] == [
        ("good", 1, 2, True),
        ("fair", 1, 2, True),
        ("bad", 3, 3, False),
    ]
    assert [places(p) for p in found] == ["1 to 2", "1 to 2", "3"]
    assert found[0].behind is None
    assert found[1].behind.value == pytest.approx(1 / 16)
    assert found[2].behind.called


def test_equals_are_in_no_order_but_the_cheaper_comes_first(make):
    found = rank(make({"a": [1, 0, 1], "b": [1, 0, 1]}, {"a": 200, "b": 100}))
    assert [p.reader.name for p in found] == ["b", "a"]
    assert all((p.first, p.last) == (1, 2) for p in found)


def test_a_failed_answer_counts_as_wrong(make):
    found = rank(make({"fails": [1, None, None, None], "tries": [1, 1, 0, 0]}))
    assert [(p.reader.name, p.accuracy.value, p.failures) for p in found] == [
        ("tries", 0.5, 0),
        ("fails", 0.25, 3),
    ]


def test_one_setting_alone_is_the_best(make):
    [only] = rank(make({"only": [1, 0]}))
    assert (only.first, only.last, only.behind) == (1, 1, None)


def test_effects_average_over_the_other_axes(make):
    study = make({"k=1 x": [0] * 12, "k=2 x": [1] * 12, "k=1 y": [0] * 12, "k=2 y": [1] * 12})
    values = {name: {"k": name[2], "part": name[4]} for name in study.outcomes}
    found = {(one.axis, one.value): one for one in effects(study, values)}
    assert found["k", "1"].change is None
    assert found["k", "2"].change.value == 1.0
    assert found["k", "2"].change.called
    assert found["part", "y"].change.value == 0.0
    assert found["part", "y"].accuracy.value == 0.5
    assert effects(study, {"k=1 x": {"k": "1"}}) == []  # an axis of one value changes nothing


def test_against_subtracts_the_others(make):
    [one, other] = against(
        make({"chosen": [1] * 8, "rag": [0] * 8, "long": [1] * 8}), "chosen", ["rag", "long"]
    )
    assert (one.difference.value, other.difference.value) == (1.0, 0.0)


def test_corrected_p_by_hand():
    """Three documents, one system right on all: 2 of 8 flips reach 3, and 6 of 8 reach 1."""
    contributions = np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    found = pairwise_p(contributions, 9_999, seed=0)
    assert found[0, 1] == 0.25
    assert found[0, 2] == 1.0
    assert (np.diag(found) == 1.0).all()


@given(st.integers(0, 1_000), st.sampled_from([5, 20]))
@settings(max_examples=20, deadline=None)
def test_the_correction_only_raises_p_and_two_systems_need_none(seed, documents):
    contributions = np.random.default_rng(seed).normal(size=(documents, 4))
    found = pairwise_p(contributions, 199, seed=0)
    assert np.array_equal(found, found.T)
    for i, j in ((0, 1), (1, 3)):
        alone = sign_flip_p(contributions[:, i] - contributions[:, j], 199, seed=0)
        assert pairwise_p(contributions[:, [i, j]], 199, seed=0)[0, 1] == pytest.approx(alone)
        assert found[i, j] >= alone - 1e-12


def test_among_equal_settings_no_difference_is_called():
    """Twenty systems that differ by luck alone: any pair is called in about one of twenty trials, not in most."""
    rng = np.random.default_rng(0)
    called = sum((pairwise_p(rng.normal(size=(12, 20)), 999, seed=0) <= 0.05).any() for _ in range(100))
    assert called <= 12
