import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.base import top_k

SCORES = st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0]), max_size=300)


@given(SCORES, st.integers(1, 400), st.sampled_from([None, -np.inf, 0.0, 1.0]), st.integers(0, 9))
def test_top_k_is_the_head_of_the_whole_order(scores, k, above, seed):
    ties = np.random.default_rng(seed).permutation(len(scores))
    counted = [i for i, score in enumerate(scores) if above is None or score > above]
    order = sorted(counted, key=lambda i: (-scores[i], ties[i]))
    assert top_k(np.array(scores, np.float32), ties, k, above).tolist() == order[:k]


@pytest.mark.parametrize("count", [63, 64, 65, 1_000])
def test_the_best_lie_in_what_no_stripe_holds(count):
    """64 stripes leave a rest at the end."""
    scores = np.arange(count, dtype=np.float32)
    assert top_k(scores, np.arange(count), 3).tolist() == [count - 1, count - 2, count - 3]
