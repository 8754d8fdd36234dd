"""Boosted regression trees as plain arrays: predicted with numpy alone, and explained along their paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

LEAF = -1  # in place of a feature


@dataclass(frozen=True)
class Trees:
    """A sum of regression trees, all nodes in one table.

    f(x) = sum over trees of the value of the leaf that x falls into. A node with the feature `LEAF` is one; any other
    sends x to the node behind it where x[feature] <= threshold, else to `right`. The value of an inner node is the
    mean over what fell into it when the trees were grown, so that the path to a leaf tells what each feature moved.

    Attributes:
        roots: The first node of each tree. [trees]
        feature: Which feature a node asks for, or `LEAF`. [nodes]
        threshold: What it is held against. [nodes]
        right: Where a larger value goes; of a leaf, whatever. [nodes]
        value: What a node is worth. [nodes]
    """

    roots: Whole
    feature: Whole
    threshold: Floats
    right: Whole
    value: Floats

    def __post_init__(self) -> None:
        nodes = len(self.feature)
        if not len(self.threshold) == len(self.right) == len(self.value) == nodes or not len(self.roots):
            raise ValueError("expected at least one tree, and columns of one length")
        inner = np.flatnonzero(self.feature != LEAF)
        if (
            np.any(self.right[inner] <= inner + 1)
            or np.any(self.right[inner] >= nodes)
            or self.roots.max() >= nodes
        ):
            raise ValueError("expected every node before its children")

    def predict(self, matrix: Floats) -> Floats:
        """F of each row; [rows]."""
        return np.asarray(self.value[self._paths(matrix)[-1]].sum(axis=1), dtype=np.float64)

    def moved(self, matrix: Floats) -> Floats:
        """What each feature adds along the paths; [rows, features]. With the values of the roots they sum to `predict`.

        Source: Saabas, Interpreting random forests, 2014 (the path's differences, not Shapley values).
        """
        moved = np.zeros(matrix.shape)
        rows = np.arange(len(matrix))[:, None]
        paths = self._paths(matrix)
        for here, there in pairwise(paths):
            asked = self.feature[here]
            steps = np.where(asked == LEAF, 0.0, self.value[there] - self.value[here])
            np.add.at(moved, (rows, np.maximum(asked, 0)), steps)
        return moved

    def _paths(self, matrix: Floats) -> list[Whole]:
        """The node of every row in every tree after each step, until all stand on leaves; [rows, trees] each."""
        here = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        rows = np.arange(len(matrix))[:, None]
        paths = [here]
        while np.any(self.feature[here] != LEAF):
            asked = self.feature[here]
            goes_on = matrix[rows, np.maximum(asked, 0)] <= self.threshold[here]
            here = np.where(asked == LEAF, here, np.where(goes_on, here + 1, self.right[here]))
            paths.append(here)
        return paths

    def to_data(self) -> dict[str, Any]:
        """The trees as plain data: values to three significant digits, thresholds to five, `right` as so many nodes on."""
        return {
            "roots": self.roots.tolist(),
            "feature": self.feature.tolist(),
            "threshold": [_short(value, 5) for value in self.threshold],
            "beyond": np.where(self.feature == LEAF, 0, self.right - np.arange(len(self.right))).tolist(),
            "value": [_short(value, 3) for value in self.value],
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read trees back from plain data.

        Raises:
            DataError: if they are not those of trees.
        """
        try:
            roots, feature, beyond = (
                np.array(data[name], dtype=np.int64) for name in ("roots", "feature", "beyond")
            )
            threshold, value = (np.array(data[name], dtype=np.float64) for name in ("threshold", "value"))
            return cls(roots, feature, threshold, np.arange(len(beyond)) + beyond, value)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"the trees are damaged ({error!r}): fit again with `rlc router fit`") from error


def _short(value: float, digits: int) -> float:
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short
