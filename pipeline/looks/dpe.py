"""DPE: every group of dimensions sees distant keys at places of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.placing import Placing, View, far_and_near

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Dpe(Placing):
    """Scale distances by a factor for each group of dimensions, as far as that group was found to carry them.

    In a group with factor s, key j beyond `near` stands at floor(j / s) and query i at floor(i / s) + near -
    floor(near / s). Equal factors are Self-Extend.

    Source: dimension-wise positional embeddings manipulation, Lu et al., arXiv 2504.18857. The factors are found for a
    model and a length by the authors' search, which is not here: the default is theirs for Llama-3-8B at 128k; theirs
    for Llama-3.1-8B are 2, 32, 32, 2, 2, 2, 2, 1, and for Qwen2.5-7B 2, 16, 8, 8, 32, 8, 2, 4. They may leave less
    important dimensions alone; here all are scaled.

    Args:
        factors: one for each group of neighbouring dimensions, the fastest turning first; at least 1.
        near: distances that stay, in tokens.
    """

    factors: Sequence[int] = (2, 8, 2, 8, 32, 32, 32, 4)
    near: int = 1024

    def __post_init__(self) -> None:
        if not self.factors or min(self.factors) < 1 or self.near < 1:
            raise ValueError(
                f"factors must be at least one number, each 1 or more, and near at least 1; got {list(self.factors)} and "
                f"{self.near}"
            )

    def reach(self, positions: int) -> int:
        """Tokens until the group with the largest factor sees a distance beyond the model's positions."""
        return max(positions, (positions - self.near) * max(self.factors) + self.near)

    def views(self, rows: "Tensor", keys: "Tensor", layer: Layer) -> Sequence[View]:
        """Far ones by each dimension's factor, near ones as they are."""
        import torch

        dimensions = len(layer.frequencies)
        of_each = torch.tensor(self.factors, device=keys.device, dtype=keys.dtype)
        scale = of_each.repeat_interleave(-(-dimensions // len(self.factors)))[:dimensions]
        shift = self.near - (self.near / scale).floor()
        return far_and_near(
            rows,
            keys,
            self.near,
            lambda p: (p[:, None] / scale).floor() + shift,
            lambda p: (p[:, None] / scale).floor(),
        )
