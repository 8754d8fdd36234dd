"""Double Sparsity: tokens are chosen by the few channels of keys that matter most."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.choosing import Choosing

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class DoubleSparsity(Choosing):
    """Look at the tokens whose product with the query is highest in the strongest channels of the keys.

    The channels are, for every head, those whose keys of the prompt have the largest squares.

    Source: Yang et al., arXiv 2408.07092 (one channel and one token in sixteen). The authors find the channels on
    calibration data, by queries, keys or both; here the prompt's own keys tell them.

    Args:
        tokens: that are looked at, at most.
        dense: the first layers, which look at everything.
        channels: the share of a head's channels that is compared, in (0, 1].
    """

    channels: float = 0.0625

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.channels <= 1:
            raise ValueError(f"channels is a share in (0, 1], got {self.channels}")

    def scores(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """Products over the strongest channels."""
        import torch

        strength = key[:, :, : layer.prompt].float().pow(2).mean(2)  # [batch, heads, dimension]
        many = max(1, round(self.channels * key.shape[-1]))
        best = strength.sort(dim=-1, descending=True, stable=True).indices[..., :many]
        kept = torch.zeros_like(strength).scatter(-1, best, 1.0).to(query.dtype)
        return (query * kept[:, :, None]) @ key.transpose(2, 3)
