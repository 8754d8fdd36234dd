"""What all methods of evicting keys and values share. Subclasses score; this says how many stay."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Layer:
    """One layer's cache after a prompt of `length` tokens.

    `keys` and `values` are [kv heads, length, dimension]; `attention` is what the last `window` tokens of the prompt
    paid to every token, [heads, window, length], where the method asked for it. `index` counts from 0.
    """

    index: int
    keys: "torch.Tensor"
    values: "torch.Tensor"
    attention: "torch.Tensor | None" = None

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return int(self.keys.shape[-2])


@dataclass(frozen=True)
class Eviction(ABC):
    """Keep the best-scored keys and values of every head.

    Args:
        ratio: the share that is evicted, in [0, 1); 0 changes nothing.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("torch",)
    VERSION: ClassVar[int] = 1

    ratio: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.ratio < 1:
            raise ValueError(f"ratio is the evicted share, in [0, 1); got {self.ratio}")

    @property
    def window(self) -> int:
        """How many of the prompt's last tokens must show their attention; 0 for a method that needs none."""
        return 0

    @abstractmethod
    def scores(self, layer: Layer) -> "torch.Tensor":
        """How much each key is worth, [kv heads, length]; higher stays longer."""

    def budget(self, length: int) -> int:
        """How many of `length` tokens stay: at least one."""
        return max(1, length - int(self.ratio * length))

    def kept(self, layer: Layer) -> "torch.Tensor":
        """The positions that stay, ascending, [kv heads, budget]; among equal scores the earlier ones."""
        import torch

        order = torch.sort(self.scores(layer), dim=-1, descending=True, stable=True).indices
        return order[:, : self.budget(layer.length)].sort(dim=-1).values
