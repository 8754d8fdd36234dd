"""Recycled attention: what one token looks at most is what the next ones look at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.choosing import Choosing

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RecycledAttention(Choosing):
    """Look at everything with every `stride`-th token that is written, and with the others at what that one looked at most.

    What was written since is always seen.

    Source: Xu et al., arXiv 2411.05787. Their stride may follow the similarity of queries; here it is fixed.

    Args:
        tokens: that are looked at, at most.
        dense: the first layers, which look at everything.
        stride: tokens from one full look to the next.
    """

    stride: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride < 1:
            raise ValueError(f"stride must be at least 1, got {self.stride}")

    def scores(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """The products of the last full look; that one sees everything."""
        score = query.new_full((*query.shape[:3], key.shape[2]), float("inf"))
        for row in range(max(0, layer.prompt - layer.start), query.shape[2]):
            written = layer.start + row - layer.prompt
            if written % self.stride == 0:
                until = layer.start + row + 1
                layer.memory["look"] = query[:, :, row, None] @ key[:, :, :until].transpose(2, 3)
            else:
                look = layer.memory["look"][:, :, 0]
                score[:, :, row, : look.shape[-1]] = look
        return score
