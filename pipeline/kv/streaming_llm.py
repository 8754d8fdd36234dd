"""StreamingLLM eviction: keep the first few tokens and the last ones."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.kv.base import Eviction, Layer

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class StreamingLLM(Eviction):
    """Keep `sinks` tokens at the start, on which attention rests, and then the most recent ones.

    Source: Xiao et al., ICLR 2024, arXiv 2309.17453. The paper numbers positions anew inside the cache, so that a
    stream can outgrow the model's positions; here a prompt fits the window, and positions stay what they were.
    """

    sinks: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sinks < 0:
            raise ValueError(f"sinks must not be negative, got {self.sinks}")

    def scores(self, layer: Layer) -> "torch.Tensor":
        """The position itself; the sinks come before everything."""
        import torch

        heads, length, _ = layer.keys.shape
        position = torch.arange(length, device=layer.keys.device, dtype=torch.float32)
        position[: self.sinks] += length
        return position.expand(heads, length)
