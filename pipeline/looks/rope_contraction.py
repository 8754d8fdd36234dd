"""RoPE contraction: the opposite of stretching, a smaller base of the turns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.placing import Placing, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RopeContraction(Placing):
    """Turn by a smaller base, so that neighbouring tokens stand further apart in every dimension but the first.

    With d the dimension of a head, frequency i of theta^(-2i/d) becomes (share * theta)^(-2i/d).

    Source: NeedleChain, Moon et al., arXiv 2507.22411, which lowers the base of texts well within the window. How far is
    not taken from there: the default is ours.

    Args:
        share: of the base that is left, in (0, 1]; 1 changes nothing.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be in (0, 1], got {self.share}")

    def frequencies(self, layer: Layer) -> "Tensor":
        """Give the frequencies of the smaller base."""
        import torch

        half = len(layer.frequencies)
        steps = torch.arange(half, device=layer.frequencies.device, dtype=torch.float32)
        return layer.frequencies * torch.exp(-math.log(self.share) * steps / half)

    def views(self, rows: "Tensor", keys: "Tensor", layer: Layer) -> Sequence[View]:  # noqa: ARG002
        """Everything where it stands."""
        return [View(rows[:, None] >= keys[None], rows, keys)]
