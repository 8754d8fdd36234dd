"""Dual chunk attention: keys stand at their place within their chunk, queries so that no distance is too large."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.placing import Placing, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class DualChunk(Placing):
    """Cut the text into chunks and look within one, into the one before, and into all earlier ones in three ways.

    With chunks of s tokens and w near ones, key j stands at j mod s. Query i looks from i mod s into its own chunk, from
    min(s + i mod s, s + w - 1) into the one before, so that the nearest w tokens stay as near as they are, and from
    s + w - 1 into earlier ones. No distance exceeds s + w - 1, whatever the length.

    Source: An et al., ICML 2024, arXiv 2402.17463, whose s and s + w are three quarters and all of the model's
    positions; their code takes 11 and 12 sixteenths, and s + w as the largest distance.

    Args:
        chunk: s, in tokens; None takes three quarters of the model's positions.
        near: w, in tokens; None takes the rest of the model's positions.
    """

    chunk: int | None = None
    near: int | None = None

    def __post_init__(self) -> None:
        if min(self.chunk or 1, self.near or 1) < 1 or 0 in (self.chunk, self.near):
            raise ValueError(f"chunk and near must be at least 1, got {self.chunk} and {self.near}")

    def reach(self, positions: int) -> int:  # noqa: ARG002
        """Bounded by nothing but memory and time: no distance grows with the length."""
        return 2**31

    def views(self, rows: "Tensor", keys: "Tensor", layer: Layer) -> Sequence[View]:
        """Earlier chunks, the one before, the own."""
        chunk = self.chunk or max(1, layer.positions * 3 // 4)
        near = self.near or max(1, layer.positions - chunk)
        apart = rows.div(chunk).floor()[:, None] - keys.div(chunk).floor()[None]
        own, place = rows % chunk, keys % chunk
        last = chunk + near - 1
        return [
            View(apart > 1, rows * 0 + last, place),
            View(apart == 1, (own + chunk).clamp(max=last), place),
            View(apart <= 0, own, place),
        ]
