"""LongHeads: every head looks at the chunks that it finds relevant."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.looks.base import Layer
from rlc.pipeline.looks.support.choosing import Choosing, by_pages

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LongHeads(Choosing):
    """Look at the first chunk, the chunk that is being written, and those whose representation is nearest to the query.

    A chunk is represented by its keys, each weighed by the softmax of its product with the chunk's mean key.

    Source: Lu et al., Findings of EMNLP 2024, arXiv 2402.10685 (chunks of 256). The authors weigh a chunk's keys from the
    mean of what its queries attend to, which are not kept here, choose while the prompt is read too, and number the
    chosen chunks anew so that the text may exceed the window; here keys stay where they are, and the window is the
    model's.

    Args:
        tokens: that are looked at, at most.
        dense: the first layers, which look at everything.
        chunk: tokens of a chunk.
    """

    tokens: int = 4096
    chunk: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunk < 1:
            raise ValueError(f"chunk must be at least 1, got {self.chunk}")

    def scores(self, query: "Tensor", key: "Tensor", layer: Layer) -> "Tensor":
        """The product with each token's chunk."""
        length, dimension = key.shape[2:]
        whole = length // self.chunk
        chunks = key[:, :, : whole * self.chunk].reshape(*key.shape[:2], whole, self.chunk, dimension)
        mean = chunks.mean(3, keepdim=True)
        weights = (mean @ chunks.transpose(3, 4) * dimension**-0.5).float().softmax(-1).to(key.dtype)
        nearest = query @ (weights @ chunks)[:, :, :, 0].transpose(2, 3)
        score = by_pages(nearest, self.chunk, layer, query.shape[2], length)
        score[..., : self.chunk] = float("inf")
        return score
