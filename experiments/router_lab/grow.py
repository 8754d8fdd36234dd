"""Growing the trees of the routers that have seen an answer, with LightGBM; the package reads them without it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlc.data.errors import require
from rlc.experiments.router_lab.lab import Floats
from rlc.pipeline.routers.support.gain_model import OUTCOMES
from rlc.pipeline.routers.support.trees import LEAF, Trees

ROUNDS = 150
FEWEST = 60  # answers that a leaf holds; a twentieth of all where there are few
BOOSTING = {  # set once and not tuned on the folds; equal data give equal trees
    "objective": "multiclass",
    "num_class": len(OUTCOMES),
    "learning_rate": 0.05,
    "num_leaves": 15,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbose": -1,
}


def grow_trees(matrix: Floats, outcomes: Floats) -> dict[str, Trees]:
    """Boost trees of multiclass log-loss.

    Args:
        matrix: Features of the answers. [answers, features]
        outcomes: The number of each answer's outcome in `OUTCOMES`. [answers]

    Raises:
        MissingExtraError: without LightGBM.
    """
    require("lightgbm")
    import lightgbm

    fewest = min(FEWEST, max(1, len(matrix) // 20))
    settings = {**BOOSTING, "min_data_in_leaf": fewest}
    booster = lightgbm.train(settings, lightgbm.Dataset(matrix, outcomes), ROUNDS)
    grown = booster.dump_model()["tree_info"]  # round by round, one tree an outcome
    return {
        outcome: _table([tree["tree_structure"] for tree in grown[i :: len(OUTCOMES)]])
        for i, outcome in enumerate(OUTCOMES)
    }


def _table(structures: list[Mapping[str, Any]]) -> Trees:
    """All nodes of nested trees, every node before its children and the left one right behind it."""
    feature: list[int] = []
    threshold: list[float] = []
    right: list[int] = []
    value: list[float] = []

    def lay(node: Mapping[str, Any]) -> int:
        place = len(feature)
        inner = "split_feature" in node
        feature.append(int(node["split_feature"]) if inner else LEAF)
        threshold.append(float(node["threshold"]) if inner else 0.0)
        value.append(float(node["internal_value"] if inner else node["leaf_value"]))
        right.append(0)
        if inner:
            lay(node["left_child"])
            right[place] = lay(node["right_child"])
        return place

    roots = [lay(structure) for structure in structures]
    return Trees(*map(np.array, (roots, feature, threshold, right, value)))
