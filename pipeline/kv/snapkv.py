"""SnapKV eviction: keep the keys and values that the prompt's last tokens attend to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlc.pipeline.kv.base import Eviction, Layer

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SnapKV(Eviction):
    """Keep what the last `observed` tokens of the prompt (the question, here) attend to, and those tokens themselves.

    score(j) = attention to j, averaged over the observing tokens and over the query heads that share a key head, then
    smoothed by the mean over `kernel` neighbours, so that what stands beside a hit stays with it.

    Source: Li et al., NeurIPS 2024, arXiv 2404.14469 (observation window 32, kernel 5, average pooling). The paper
    sums where this averages, which ranks alike.
    """

    observed: int = 32
    kernel: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.observed < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(
                f"observed must be at least 1 and kernel odd, got observed={self.observed}, kernel={self.kernel}"
            )

    @property
    def window(self) -> int:
        return self.observed

    def scores(self, layer: Layer) -> "torch.Tensor":
        """Smoothed attention; infinite for the observing tokens."""
        from torch.nn.functional import avg_pool1d

        if layer.attention is None:
            raise ValueError("SnapKV scores attention, and the layer was given without it")
        heads, length, _ = layer.keys.shape
        attention = layer.attention.float().mean(dim=1)  # over the observing tokens
        shared = attention.view(heads, -1, length).mean(dim=1)  # over the query heads of a key head
        smooth = avg_pool1d(shared, self.kernel, stride=1, padding=self.kernel // 2, count_include_pad=False)
        smooth[:, -layer.attention.shape[1] :] = float("inf")
        return smooth
