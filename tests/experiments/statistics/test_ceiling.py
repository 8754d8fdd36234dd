import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlc.experiments.statistics.ceiling import better_arm, ceiling, noise_floor, oracle_outcomes, score_router

RAG = [1, 1, 0, 0, 1, 0]
LONG = [1, 0, 1, 0, 0, 0]
DOCUMENTS = list("aabbcc")
MANY = [i // 2 for i in range(8 * len(RAG))]  # eight times the same, so that the gap is told from zero


def test_oracle_by_hand():
    assert oracle_outcomes(RAG, LONG).tolist() == [1, 1, 1, 0, 1, 0]
    top = ceiling(RAG, LONG, DOCUMENTS)
    assert (top.first.value, top.second.value) == (pytest.approx(3 / 6), pytest.approx(2 / 6))
    assert (top.better, top.oracle.value) == (top.first, pytest.approx(4 / 6))
    assert (top.headroom.value, top.headroom.n, top.headroom.clusters) == (pytest.approx(1 / 6), 6, 3)


def test_the_better_arm_of_each_model_in_hindsight():
    assert better_arm(RAG, LONG).tolist() == RAG
    by_model = better_arm(RAG, LONG, ["weak", "weak", "strong", "strong", "weak", "weak"])
    assert by_model.tolist() == [1, 1, 1, 0, 1, 0]
    assert better_arm([1, 0], [0, 1]).tolist() == [1, 0]


def test_router_by_hand():
    score = score_router([1, 1, 1, 0, 0, 0] * 8, RAG * 8, LONG * 8, MANY)
    assert score.accuracy.value == pytest.approx(3 / 6)
    assert score.gain.value == 0
    assert score.regret.value == pytest.approx(1 / 6)
    assert score.closed.value == 0


def test_a_gap_that_is_not_told_from_zero_has_no_share():
    score = score_router(oracle_outcomes(RAG, LONG), RAG, LONG, DOCUMENTS)
    assert ceiling(RAG, LONG, DOCUMENTS).headroom.low == 0
    assert (score.gain.value, score.closed.value) == (pytest.approx(1 / 6), None)


def test_the_arms_and_the_oracle_are_the_ends_of_the_scale():
    rag, long = RAG * 8, LONG * 8
    assert score_router(rag, rag, long, MANY).closed.value == 0
    best = score_router(oracle_outcomes(rag, long), rag, long, MANY)
    assert (best.closed.value, best.regret.value) == (1, 0)


def test_no_gap_no_share_of_it():
    closed = score_router(RAG, RAG, RAG, DOCUMENTS).closed
    assert (closed.value, closed.low, closed.high, closed.n) == (None, None, None, 6)


def test_no_rows():
    score = score_router([], [], [], [])
    assert (score.accuracy.value, score.gain.value, score.closed.value) == (None, None, None)


def test_luck_alone_has_a_headroom():
    rng = np.random.default_rng(0)
    once, again = rng.random((2, 2_000)) < 0.65
    floor = noise_floor(once, again, [i // 5 for i in range(2_000)])
    assert floor.value == pytest.approx(0.65 * 0.35, abs=0.03)
    assert noise_floor(RAG, RAG, DOCUMENTS).value == 0


def test_bad_input():
    with pytest.raises(ValueError, match="outcome of every example, got 2 and 1"):
        oracle_outcomes([1, 0], [1])
    with pytest.raises(ValueError, match="got 2 and 6"):
        score_router([1, 0], RAG, LONG, DOCUMENTS)
    with pytest.raises(ValueError, match="every row needs a group"):
        better_arm(RAG, LONG, ["a"])
    with pytest.raises(ValueError, match="missing"):
        ceiling([1, None], [1, 0], ["a", "b"])


@given(st.lists(st.tuples(*[st.integers(0, 1)] * 3, st.sampled_from("abcd")), min_size=1, max_size=30))
@settings(max_examples=50)
def test_no_router_between_the_arms_beats_the_oracle(rows):
    choices = [first if choice else second for choice, first, second, _ in rows]
    _, first, second, documents = map(list, zip(*rows, strict=True))
    score = score_router(choices, first, second, documents)
    assert score.regret.value >= 0
    assert score.closed.value is None or score.closed.value <= 1
    assert score.gain.value + score.regret.value == pytest.approx(
        ceiling(first, second, documents).headroom.value
    )
