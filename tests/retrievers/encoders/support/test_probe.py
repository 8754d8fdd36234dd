import numpy as np

from rlc.retrievers.encoders.support.probe import random_tokens


def test_random_tokens_are_seeded_words():
    batch = random_tokens(100, 7, count=3)
    assert batch == random_tokens(100, 7, count=3)
    assert np.shape(batch) == (3, 7)
    assert 50 <= np.min(batch) <= np.max(batch) < 100
