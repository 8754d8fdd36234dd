"""Keys and values in few bits: as they would be read back, so that what rounding does to answers can be measured."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rlc.pipeline.kv.base import Footprint, Press, States

if TYPE_CHECKING:
    import torch

BITS = (2, 3, 4, 8, 16)
SCALE_BITS = 2 * 16  # a group's smallest number and its step


@dataclass(frozen=True)
class KIVI(Press):
    """Round keys channel by channel and values token by token, to whole steps between the least and greatest of a group.

    The latest `residual` tokens stay as they are, and so do the keys behind the last full group. All tokens stay; the
    numbers come back rounded, in the model's own type: what is measured is the effect on answers.

    Args:
        bits: of a rounded number: 2, 3, 4 or 8; 16 changes nothing.
        group: numbers that share their least number and step.
        residual: latest tokens that are not rounded.
        keys: what shares a group among keys, `channel` (over tokens) or `token` (over channels).

    Source: Liu et al., ICML 2024, arXiv 2402.02750 (2 bits, groups of 32, residual of 128).
    """

    VERSION: ClassVar[int] = 3

    bits: int = 2
    group: int = 32
    residual: int = 128
    keys: str = "channel"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bits not in BITS:
            raise ValueError(f"bits must be one of {', '.join(map(str, BITS))}; got {self.bits}")
        if self.keys not in ("channel", "token"):
            raise ValueError(f"keys are rounded by 'channel' or by 'token', got {self.keys!r}")

    def footprint(self, length: int, bits: int = 16) -> Footprint:
        """The mean bits of a number, those of the groups' steps included."""
        if self.bits == 16:
            return Footprint(bits=bits)
        old = max(0, length - self.residual)
        keys = old // self.group * self.group if self.keys == "channel" else old
        rounded = (keys + old) / (2 * length)
        return Footprint(bits=rounded * (self.bits + SCALE_BITS / self.group) + (1 - rounded) * bits)

    def compress(
        self,
        module: Any,  # noqa: ANN401, ARG002 - kvpress's contract
        hidden_states: "torch.Tensor",  # noqa: ARG002
        keys: "torch.Tensor",
        values: "torch.Tensor",
        attentions: "torch.Tensor | None",  # noqa: ARG002
        kwargs: dict[str, Any],  # noqa: ARG002
    ) -> States:
        """Round keys and values."""
        if self.bits == 16:
            return keys, values
        old = max(0, keys.shape[2] - self.residual)
        full = old // self.group * self.group if self.keys == "channel" else old
        by_channel = self.keys == "channel"
        first = keys[:, :, :full].mT if by_channel else keys[:, :, :full]
        coarse = rounded(first, self.bits, self.group)
        keys[:, :, :full] = coarse.mT if by_channel else coarse
        values[:, :, :old] = rounded(values[:, :, :old], self.bits, self.group)
        return keys, values


def rounded(numbers: "torch.Tensor", bits: int, group: int) -> "torch.Tensor":
    """Numbers as they are read back from `bits` each, in groups along the last axis.

    A group's least number and step, (greatest - least) / (2^bits - 1), are kept beside it; an error is at most half a step.
    """
    import torch

    size = numbers.shape[-1]
    if not numbers.numel():
        return numbers
    group = min(group, size)
    cut = size // group * group
    # In float16 the least step would be 0, and numbers that are all alike would come back as none.
    grouped = numbers[..., :cut].float().reshape(*numbers.shape[:-1], -1, group)
    least, greatest = grouped.amin(-1, keepdim=True), grouped.amax(-1, keepdim=True)
    step = ((greatest - least) / (2**bits - 1)).clamp_min(1e-12)
    back = (((grouped - least) / step).round() * step + least).flatten(-2)
    return torch.cat([back.to(numbers.dtype), rounded(numbers[..., cut:], bits, group)], -1)
