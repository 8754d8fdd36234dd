import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.experiments.statistics.agreement import agreement


def test_kappa_by_hand():
    # 4 of 5 agree; right 3/5 and 4/5: expected 12/25 + 2/25 = 14/25
    found = agreement([True, True, True, False, False, None], [True, True, True, True, False, True], "abcdef")
    assert found.same.value == pytest.approx(0.8)
    assert found.kappa.value == pytest.approx((20 / 25 - 14 / 25) / (1 - 14 / 25))
    assert (found.same.n, found.kappa.n, found.left_out) == (5, 5, 1)
    assert found.kappa.low < found.kappa.value < found.kappa.high


pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1)


@given(pairs)
def test_kappa_is_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = zip(*pairs, strict=True)
    found = agreement(a, b, range(len(a))).kappa.value
    if found is None:
        assert len(set(a + b)) == 1
    else:
        assert found == pytest.approx(metrics.cohen_kappa_score(a, b))


@given(st.lists(st.booleans(), min_size=1))
def test_a_judge_agrees_with_itself(values):
    found = agreement(values, values, range(len(values)))
    assert (found.same.value, found.kappa.value) in {(1.0, None), (1.0, 1.0)}


def test_agreement_needs_answers_that_both_judged():
    with pytest.raises(ValueError, match="1 and 2"):
        agreement([True], [True, True], ["a"])
    assert agreement([True], [None], ["a"]) is None
