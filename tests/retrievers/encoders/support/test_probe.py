from time import sleep

import numpy as np

from rlc.retrievers.encoders.support.probe import faster_dtype, random_tokens


def slow():
    sleep(0.01)
    return np.ones(1, np.float32)


def fast():
    return np.ones(1, np.float32)


def test_the_faster_one_if_it_agrees():
    assert faster_dtype(slow, fast, lambda exact, half: True) == "bfloat16"
    assert faster_dtype(slow, fast, lambda exact, half: False) == "float32"


def test_no_gain_no_change():
    assert faster_dtype(fast, slow, lambda exact, half: True) == "float32"


def test_close_is_asked_in_order():
    heard = []
    faster_dtype(
        lambda: slow() * 32,
        lambda: fast() * 16,
        lambda exact, half: heard.append((exact[0], half[0])) or True,
    )
    assert heard == [(32, 16)]


def test_random_tokens_are_seeded_words():
    batch = random_tokens(100, 7, count=3)
    assert batch == random_tokens(100, 7, count=3)
    assert np.shape(batch) == (3, 7)
    assert 50 <= np.min(batch) <= np.max(batch) < 100
