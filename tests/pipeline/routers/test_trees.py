"""Boosted trees: their arithmetic by hand, their paths, and their file."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import DataError
from rlc.pipeline.routers.support.gain_model import model_of
from rlc.pipeline.routers.support.tree_model import TreeModel
from rlc.pipeline.routers.support.trees import LEAF, Trees


def two_trees():
    """x0 <= 1 ? (x1 <= 5 ? -1 : 1) : 2, whose inner nodes are worth 0.5 and 0; and a single leaf of 10."""
    return Trees(
        roots=np.array([0, 5]),
        feature=np.array([0, 1, LEAF, LEAF, LEAF, LEAF]),
        threshold=np.array([1.0, 5.0, 0, 0, 0, 0]),
        right=np.array([4, 3, 0, 0, 0, 0]),
        value=np.array([0.5, 0.0, -1.0, 1.0, 2.0, 10.0]),
    )


def test_by_hand():
    rows = np.array([[1.0, 5.0], [0.0, 6.0], [1.5, 0.0]])
    assert two_trees().predict(rows).tolist() == [9.0, 11.0, 12.0]
    assert two_trees().moved(rows).tolist() == [[-0.5, -1.0], [-0.5, 1.0], [1.5, 0.0]]


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=5))
def test_what_features_moved_sums_to_the_prediction(rows):
    trees, matrix = two_trees(), np.array(rows)
    np.testing.assert_allclose(10.5 + trees.moved(matrix).sum(axis=1), trees.predict(matrix))


@pytest.mark.parametrize(
    "change",
    [
        {"right": np.array([0, 3, 0, 0, 0, 0])},
        {"right": np.array([9, 3, 0, 0, 0, 0])},
        {"roots": np.array([6])},
        {"value": np.zeros(2)},
    ],
)
def test_nodes_that_lead_nowhere_are_refused(change):
    with pytest.raises(ValueError, match="expected"):
        Trees(**{**vars(two_trees()), **change})


def model():
    trees = two_trees()
    return TreeModel(
        features=("a", "b"),
        strength_centre=np.zeros(2),
        trees={"rag": trees, "tie": trees, "long": Trees(**{**vars(trees), "value": trees.value * 2})},
        readers={"strong": (0.1, 0.0)},
    )


def test_a_model_of_trees_and_its_file():
    rows = model().matrix([{"a": 1.0, "b": 5.0}])
    e = np.exp(9.0)  # long context stands at 18, the other two at 9
    np.testing.assert_allclose(model().probabilities(rows)[0], [1 / (2 + e), 1 / (2 + e), e / (2 + e)])
    np.testing.assert_allclose(model().moved(rows), [[-0.5, -1.0]])
    again = model_of(model().to_json())
    assert (again.kind, again.readers) == ("trees", model().readers)
    np.testing.assert_allclose(again.probabilities(rows), model().probabilities(rows))
    assert again.to_json() == model().to_json()
    damaged = json.loads(model().to_json())
    damaged["trees"]["rag"]["beyond"] = [-1] * 6
    with pytest.raises(DataError, match="damaged"):
        model_of(json.dumps(damaged))
    with pytest.raises(ValueError, match="expected trees for rag, tie, long"):
        TreeModel(features=(), strength_centre=np.zeros(2), trees={})
