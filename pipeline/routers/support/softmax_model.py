"""A softmax over features: what the router that decides before any answer is fitted as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rlc.pipeline.routers.support.gain_model import OUTCOMES, STRENGTHS, Floats, GainModel, rounded

LIMIT = 4.0  # standard deviations: beyond them a feature says no more, so that a strange document is no extreme case
_ARRAYS = ("centre", "scale", "strength_centre", "strength_scale", "weights")


@dataclass(frozen=True, kw_only=True)
class SoftmaxModel(GainModel):
    """logit(outcome) = sum over strengths s and features f of r_s * x_f * weights[s, f, outcome].

    x is 1 and the standardised features, limited to +-4, and r is 1 and the standardised strengths of the reader: what
    a feature says may depend on how strong the reader is. A reader never measured is taken for the average one
    (r = 1, 0, 0, ...). `moved` is counted from the mean of a feature.

    Attributes:
        centre: Means of the features.
        scale: Their standard deviations.
        strength_scale: Their standard deviations.
        weights: [1 + strengths, 1 + features, outcomes].
    """

    kind: ClassVar[str] = "softmax"

    centre: Floats
    scale: Floats
    strength_scale: Floats
    weights: Floats

    def __post_init__(self) -> None:
        wanted = (1 + len(STRENGTHS), 1 + len(self.features), len(OUTCOMES))
        if self.weights.shape != wanted:
            raise ValueError(f"weights must have the shape {wanted}, got {self.weights.shape}")

    def probabilities(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        weights = np.tensordot(self._reader(strength), self.weights, axes=1)
        return softmax(np.asarray(self._standardised(matrix) @ weights, dtype=np.float64))

    def moved(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        weights = np.tensordot(self._reader(strength), self.weights, axes=1)
        towards_long = weights[:, OUTCOMES.index("long")] - weights[:, OUTCOMES.index("rag")]
        return np.asarray(self._standardised(matrix)[:, 1:] * towards_long[1:], dtype=np.float64)

    def _standardised(self, matrix: Floats) -> Floats:
        return standardised(matrix, self.centre, self.scale, LIMIT)

    def _reader(self, strength: Sequence[float] | None) -> Floats:
        known = self.strength_centre if strength is None else np.asarray(strength, dtype=np.float64)
        [row] = standardised(known[None], self.strength_centre, self.strength_scale, LIMIT)
        return np.asarray(row, dtype=np.float64)

    def to_data(self) -> dict[str, Any]:
        return {name: rounded(getattr(self, name)) for name in _ARRAYS}

    @classmethod
    def settings_of(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {name: np.array(data[name], dtype=np.float64) for name in _ARRAYS}


def standardised(matrix: Floats, centre: Floats, scale: Floats, limit: float) -> Floats:
    """(x - centre) / scale, limited to +-limit, with a column of ones in front."""
    values = np.clip((matrix - centre) / scale, -limit, limit)
    return np.hstack([np.ones((len(values), 1)), values])


def softmax(logits: Floats) -> Floats:
    """exp(z) / sum exp(z) over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float64)
