"""The best of several systems, counted where it had no part in the choice."""

import numpy as np
import pytest

from rlc.experiments.statistics.selection import chosen_elsewhere


def test_by_hand():
    """Three documents, each a fold: on each, the system that is better on the two others answers."""
    outcomes = np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]])
    clusters = [
        "a",
        "b",
        "c",
        "c",
    ]  # without a: 1 against 2 right; without b: 1 against 2; without c: 2 against 0
    assert chosen_elsewhere(outcomes, clusters).tolist() == [0, 0, 0, 0]


def test_a_system_that_is_always_better_keeps_its_figure():
    outcomes = np.array([[0.0, 0, 1, 0], [1, 1, 1, 0]])
    assert chosen_elsewhere(outcomes, list("abcd")).tolist() == outcomes[1].tolist()


def test_equals_go_to_the_first_and_missing_outcomes_to_nobody():
    outcomes = np.array([[np.nan, 1.0, 1], [0.0, 1, 1]])
    assert np.array_equal(chosen_elsewhere(outcomes, list("abc")), outcomes[0], equal_nan=True)


def test_one_document_has_no_other():
    assert np.isnan(chosen_elsewhere(np.ones((2, 3)), ["a"] * 3)).all()


@pytest.mark.parametrize("folds", [2, 10])
def test_luck_is_not_counted(folds):
    """Of forty coins the best looks like 60%; elsewhere it is a coin."""
    coins = np.random.default_rng(0).integers(0, 2, (40, 400)).astype(float)
    documents = [i // 4 for i in range(400)]
    assert coins.mean(1).max() > 0.55
    assert abs(chosen_elsewhere(coins, documents, folds).mean() - 0.5) < 0.05
