import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.fuse.scores import NORMS, checked_weights, norm_of

scores = st.lists(st.integers(-100, 100).map(float), min_size=1, max_size=20)
every_norm = pytest.mark.parametrize("norm", sorted(NORMS))


def test_norms_by_hand():
    values = np.array([1.0, 2.0, 3.0])
    deviation = (2 / 3) ** 0.5
    np.testing.assert_allclose(NORMS["min-max"](values), [0, 0.5, 1])
    np.testing.assert_allclose(NORMS["z"](values), [-1 / deviation, 0, 1 / deviation])
    np.testing.assert_allclose(
        NORMS["dbsf"](values), [0.5 - 1 / (6 * deviation), 0.5, 0.5 + 1 / (6 * deviation)]
    )


@every_norm
@given(scores)
def test_norms_keep_the_order_and_ignore_scale(norm, values):
    normalised = NORMS[norm](np.array(values))
    assert np.all(np.isfinite(normalised))
    assert np.all(np.diff(normalised[np.argsort(values)]) >= -1e-12)
    np.testing.assert_allclose(NORMS[norm](np.array(values) * 4 + 8), normalised, atol=1e-9)


def test_bad_input():
    with pytest.raises(ValueError, match="no norm 'minmax'; did you mean 'min-max'"):
        norm_of("minmax")
    with pytest.raises(ValueError, match="expected 1 weights"):
        checked_weights([1, 2], 1)
