"""Self-Extend: distant keys share places, near ones have their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.placing import Placing, View, far_and_near

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SelfExtend(Placing):
    """Put distant keys at places shared by a group, so that no distance is larger than in training.

    Keys nearer than `near` are seen where they are. Of the others, key j stands at floor(j / group) and query i at
    floor(i / group) + near - floor(near / group), which meets the near ones at the border.

    Source: Jin et al., ICML 2024, arXiv 2401.01325. Group and window are to be chosen by the length; with L positions a
    text of (L - near) * group + near tokens can be read.

    Args:
        group: places that become one.
        near: distances that stay, in tokens.
    """

    group: int = 8
    near: int = 1024

    def __post_init__(self) -> None:
        if self.group < 1 or self.near < 1:
            raise ValueError(f"group and near must be at least 1, got {self.group} and {self.near}")

    def reach(self, positions: int) -> int:
        """Tokens until a distance exceeds the model's positions."""
        return max(positions, (positions - self.near) * self.group + self.near)

    def views(self, rows: "Tensor", keys: "Tensor", layer: Layer) -> Sequence[View]:  # noqa: ARG002
        """Far ones by group, near ones as they are."""
        shift = self.near - self.near // self.group
        return far_and_near(
            rows,
            keys,
            self.near,
            lambda p: p.div(self.group).floor() + shift,
            lambda p: p.div(self.group).floor(),
        )
