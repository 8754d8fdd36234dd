"""Rankings with the room that the intervals leave, and what each axis does."""

from dataclasses import replace

import pytest

from rlc.data.records import Answer, Usage
from rlc.experiments.ranking import against, effects, rank, reversed_
from rlc.experiments.report.ranking import places
from rlc.experiments.report.study import make_study
from rlc.experiments.results import row, to_frame
from rlc.experiments.runs import StoredRun
from rlc.experiments.score import Score


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
        return make_study(StoredRun(tmp_path, to_frame(rows)))

    return study


def test_places_by_hand(make):
    """On 16 documents, good beats bad on all and cannot be told from fair, which differs on one."""
    found = rank(make({"bad": [0] * 16, "good": [1] * 16, "fair": [1] * 15 + [0]}))
    assert [(p.entry.name, p.first, p.last, p.winner) for p in found] == [
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
    assert [p.entry.name for p in found] == ["b", "a"]
    assert all((p.first, p.last) == (1, 2) for p in found)


def test_a_failed_answer_counts_as_wrong(make):
    found = rank(make({"fails": [1, None, None, None], "tries": [1, 1, 0, 0]}))
    assert [(p.entry.name, p.accuracy.value, p.failures) for p in found] == [
        ("tries", 0.5, 0),
        ("fails", 0.25, 3),
    ]


def test_one_setting_alone_is_the_best(make):
    [only] = rank(make({"only": [1, 0]}))
    assert (only.first, only.last, only.behind) == (1, 1, None)


def test_effects_average_over_the_other_axes(make):
    study = make({"k=1 x": [0] * 12, "k=2 x": [1] * 12, "k=1 y": [0] * 12, "k=2 y": [1] * 12})
    settings = {name: {"k": name[2], "part": name[4]} for name in study.outcomes}
    found = {(one.axis, one.value): one for one in effects(study, settings)}
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
    assert reversed_(one.difference).value == -1.0
    assert reversed_(replace(one.difference, low=0.2, high=0.9)).low == -0.9
