"""A judge held against human verdicts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.experiments.statistics.corrected import corrected_mean, jackknife, kappa_estimate
from rlc.experiments.statistics.intervals import Estimate


def test_the_corrected_mean_by_hand():
    # Of six answers the judge calls four right; humans saw four of them, two that it calls right and two wrong.
    judged, human = [1, 1, 0, 0, 1, 1], [1.0, 0.0, 0.0, 0.0, None, None]
    # cov = 1/4 - 1/4 * 1/2 = 1/8, var = 1/4, so lambda = 1/2: 1/4 + (4/6 - 2/4) / 2
    found = corrected_mean(judged, human, list("abcdef"))
    assert found.value == pytest.approx(1 / 4 + 1 / 12)
    assert (found.n, found.clusters) == (4, 4)
    assert 0 <= found.low < found.value < found.high <= 1


verdicts = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40)


@given(verdicts)
def test_a_judge_that_is_always_right_makes_all_of_some(pairs):
    truth = [float(one) for one, _ in pairs]
    human = [right if seen else None for right, (_, seen) in zip(truth, pairs, strict=True)]
    seen = [right for right in human if right is not None]
    found = corrected_mean(truth, human, list(range(len(truth))))
    if len(set(seen)) == 2:
        assert found.value == pytest.approx(np.mean(truth))
    elif seen:
        assert found.value == pytest.approx(np.mean(seen)), (
            "a judge of whom only one verdict was tried tells nothing"
        )
    else:
        assert found == Estimate(None, None, None, 0, 0)


@given(verdicts)
def test_kappa_is_that_of_all_rows_within_its_interval(pairs):
    a, b = zip(*pairs, strict=True)
    found, n = kappa_estimate(a, b, list(range(len(a)))), len(a)
    same = sum(x == y for x, y in pairs) / n
    chance = (sum(a) * sum(b) + (n - sum(a)) * (n - sum(b))) / n**2
    assert found.value == (None if chance == 1 else pytest.approx((same - chance) / (1 - chance), abs=1e-9))
    if found.low is not None:
        assert -1 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= 1


def test_twenty_equal_verdicts_are_no_proof_that_the_judge_never_errs():
    same = [1, 0] * 10
    found = kappa_estimate(same, same, list(range(20)))
    assert found.value == found.high == 1.0
    assert 0.6 < found.low < 0.9


def test_one_document_leaves_the_interval_open():
    found = corrected_mean([1, 0, 1], [1.0, 0.0, None], ["a", "a", "b"])
    assert (found.low, found.high, found.clusters) == (None, None, 1)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    rows = np.stack([np.ones(5), values], 1)
    found = jackknife(lambda sums: float(sums[1] / sums[0]), rows, list("abcde"), (-9.0, 9.0))
    error = values.std(ddof=1) / np.sqrt(5)
    assert (found.high - found.value) / error == pytest.approx(2.7764451)  # t of 4 degrees of freedom


def test_bad_input():
    with pytest.raises(ValueError, match="as many verdicts"):
        kappa_estimate([1, 0], [1], ["a", "b"])
    with pytest.raises(ValueError, match="as many verdicts of 0 and 1"):
        kappa_estimate([0.5], [1], ["a"])
    with pytest.raises(ValueError, match="got 2, 1 and 2"):
        corrected_mean([1, 0], [1.0], ["a", "b"])
