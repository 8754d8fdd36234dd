"""Boosted trees over features: what the routers that have seen an answer are fitted as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rlc.pipeline.routers.support.gain_model import OUTCOMES, STRENGTHS, Floats, GainModel, rounded
from rlc.pipeline.routers.support.softmax_model import softmax
from rlc.pipeline.routers.support.trees import Trees


@dataclass(frozen=True, kw_only=True)
class TreeModel(GainModel):
    """logit(outcome) = the sum of that outcome's trees over the features and, behind them, the reader's strengths.

    A reader never measured is taken for the average one. `moved` is counted from what the trees say of all questions
    on average, along the paths.

    Attributes:
        trees: Those of each outcome.
    """

    kind: ClassVar[str] = "trees"

    trees: Mapping[str, Trees]

    def __post_init__(self) -> None:
        if set(self.trees) != set(OUTCOMES):
            raise ValueError(
                f"expected trees for {', '.join(OUTCOMES)}, got {', '.join(self.trees) or 'none'}"
            )
        columns = len(self.features) + len(STRENGTHS)
        if any(trees.feature.max(initial=0) >= columns for trees in self.trees.values()):
            raise ValueError(f"trees ask for features beyond the {columns} that there are")

    def probabilities(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        rows = self._with_strength(matrix, strength)
        return softmax(np.stack([self.trees[outcome].predict(rows) for outcome in OUTCOMES], axis=1))

    def moved(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        rows = self._with_strength(matrix, strength)
        towards_long = self.trees["long"].moved(rows) - self.trees["rag"].moved(rows)
        return np.asarray(towards_long[:, : len(self.features)], dtype=np.float64)

    def _with_strength(self, matrix: Floats, strength: Sequence[float] | None) -> Floats:
        known = self.strength_centre if strength is None else np.asarray(strength, dtype=np.float64)
        return np.hstack([matrix, np.broadcast_to(known, (len(matrix), len(STRENGTHS)))])

    def to_data(self) -> dict[str, Any]:
        trees = {outcome: trees.to_data() for outcome, trees in self.trees.items()}
        return {"strength_centre": rounded(self.strength_centre), "trees": trees}

    @classmethod
    def settings_of(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "strength_centre": np.array(data["strength_centre"], dtype=np.float64),
            "trees": {outcome: Trees.of(trees) for outcome, trees in data["trees"].items()},
        }
