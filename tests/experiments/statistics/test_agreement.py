import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.experiments.statistics.agreement import kappa


def test_kappa_by_hand():
    # 4 of 5 agree; right 3/5 and 4/5: expected 12/25 + 2/25 = 14/25
    found = kappa([True, True, True, False, False, None], [True, True, True, True, False, True])
    assert found.agreement == pytest.approx(0.8)
    assert found.kappa == pytest.approx((20 / 25 - 14 / 25) / (1 - 14 / 25))
    assert (found.n, found.left_out) == (5, 1)


pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1)


@given(pairs)
def test_kappa_is_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = zip(*pairs, strict=True)
    found = kappa(a, b)
    if found.kappa is None:
        assert len(set(a + b)) == 1
    else:
        assert found.kappa == pytest.approx(metrics.cohen_kappa_score(a, b))


@given(st.lists(st.booleans(), min_size=1))
def test_a_judge_agrees_with_itself(values):
    assert kappa(values, values).kappa in {None, 1.0}


def test_kappa_needs_answers_that_both_judged():
    with pytest.raises(ValueError, match="1 and 2"):
        kappa([True], [True, True])
    with pytest.raises(ValueError, match="none among 1"):
        kappa([True], [None])
