import math

import pytest

from rlc.data.errors import UsageError
from rlc.experiments.metrics.retrieval import evaluate, ranking

RUN = {"q1": {"a": 3.0, "b": 2.0, "c": 1.0}, "q2": {"x": 1.0}}
QRELS = {"q1": {"b": 1}, "q2": {"y": 1}, "q3": {"z": 1}}


def test_measures_by_hand():
    values = evaluate(RUN, QRELS, ["RR", "R@1", "R@5", "nDCG@10"])
    assert values["q1"] == pytest.approx({"RR": 0.5, "R@1": 0.0, "R@5": 1.0, "nDCG@10": 1 / math.log2(3)})
    assert values["q2"] == {"RR": 0.0, "R@1": 0.0, "R@5": 0.0, "nDCG@10": 0.0}
    assert values["q3"] == values["q2"]  # not retrieved for: the worst value, never left out


def test_ties_rank_by_id():
    assert ranking({"b": 1.0, "a": 1.0, "c": 2.0}) == ["c", "a", "b"]
    assert evaluate({"q": {"a": 1.0, "b": 1.0}}, {"q": {"a": 1}}, ["RR"])["q"]["RR"] == 1.0


def test_unknown_measure_and_bad_score():
    with pytest.raises(UsageError, match="nDCG@10"):
        evaluate(RUN, QRELS, ["Recal@5"])
    with pytest.raises(ValueError, match="finite"):
        evaluate({"q1": {"a": math.nan}}, QRELS)
