"""Random eviction: the control that a method must beat."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.kv.base import Eviction, Layer

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RandomEviction(Eviction):
    """Keep random tokens, others in every head; the same for the same seed, layer and length on every device."""

    seed: int = 0

    def scores(self, layer: Layer) -> "torch.Tensor":
        """Draw uniform random scores, the same for the same seed."""
        import torch

        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + layer.index)
        heads, length, _ = layer.keys.shape
        return torch.rand(heads, length, generator=generator).to(layer.keys.device)
