"""How many labels a router needs, on the made answers of the laboratory."""

import numpy as np
import pytest

from rlc.experiments.router_lab.lab import Lab
from rlc.experiments.router_lab.learning import learning_curve
from rlc.pipeline.routers.support.gain_model import OUTCOMES
from rlc.pipeline.routers.support.softmax_model import SoftmaxModel


def lab(questions=80):
    """One model; one feature, which says exactly which arm is right; four questions a document."""
    feature = np.tile([1.0, -1.0], questions // 2)

    class Question:
        answerable = True

        def __init__(self, i):
            self.document_id = f"d{i // 4}"

    long = (feature > 0).astype(float)[None]
    return Lab(
        models=("mine",),
        examples=tuple(Question(i) for i in range(questions)),
        rag=1 - long,
        long=long,
        seen=np.ones((1, questions), dtype=bool),
        silent=np.zeros((1, questions), dtype=bool),
        names=("f",),
        known=feature[None, :, None],
        stages={"before": 1, "after rag": 1, "after both": 1},
        rag_tokens=np.ones((1, questions)),
        long_tokens=np.ones((1, questions)),
        revision="r",
        source="made",
    )


def shipped():
    weights = np.zeros((3, 2, len(OUTCOMES)))
    weights[0, 1] = [-1.0, 0.0, 1.0]
    ones = np.ones(1)
    return SoftmaxModel(
        features=("f",),
        centre=0 * ones,
        scale=ones,
        strength_centre=np.zeros(2),
        strength_scale=np.ones(2),
        weights=weights,
    )


def test_a_rule_that_one_feature_tells_is_learned_from_enough_labels():
    few, many = learning_curve(lab(400), shipped(), sizes=(20, 100, 1000), draws=3)
    assert (few.labels, many.labels) == (20, 100), "there are no thousand"
    assert few.own < many.own == pytest.approx(0.5), "each arm alone is right on every second question"
    assert (many.own_ahead, many.measured, many.measured_ahead) == (1.0, pytest.approx(0.5), 1.0)
    assert few.measured == pytest.approx(0.5), "the shipped fit knows the rule"


def test_without_a_shipped_fit_and_with_equal_seeds():
    first, again = (learning_curve(lab(), None, sizes=(20,), draws=2, seed=4) for _ in range(2))
    assert first == again
    assert first[0].measured is None
