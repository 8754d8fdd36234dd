import math

import numpy as np
import pytest

from rlc.retrievers.select.conformal import Conformal, conformal_threshold


def test_conformal_by_hand(ranking):
    """Nine held-out questions and alpha 0.2: the second smallest score."""
    held_out = [0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.5]
    assert conformal_threshold(held_out, 0.2) == 0.2
    assert conformal_threshold(held_out, 0.05) == -math.inf
    kept = Conformal.fit(held_out, 0.2).refine(ranking(0.9, 0.2, 0.1), "q")
    assert [document.id for document in kept] == ["d0", "d1"]


def test_conformal_covers_unseen_questions():
    """Over many draws of held-out and unseen questions, the evidence is kept at least 1 - alpha of the time."""
    generator = np.random.default_rng(0)
    kept = [
        np.mean(generator.beta(5, 2, 200) >= conformal_threshold(generator.beta(5, 2, 50).tolist(), 0.1))
        for _ in range(300)
    ]
    assert np.mean(kept) + 0.005 >= 0.9
    assert np.mean(kept) < 0.94, "and not much more, or nothing would be cut off"


def test_bad_input():
    with pytest.raises(ValueError, match=r"alpha must be in \(0, 1\)"):
        conformal_threshold([0.1], 1.0)
