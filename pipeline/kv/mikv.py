"""MiKV: what an evicting method would drop is kept in few bits instead."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rlc.pipeline.kv.base import Evicting, Footprint, States, best
from rlc.pipeline.kv.kivi import BITS, SCALE_BITS, rounded
from rlc.pipeline.kv.support.states import attention_sums, once, queries

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MiKV(Evicting):
    """No token is left behind: those that have got least attention are kept in few bits, token by token.

    Before keys are rounded, each of their channels is multiplied by sqrt(greatest |query| / greatest |key|) and divided by
    it afterwards, so that a channel of outliers does not take the steps of all others.

    Args:
        ratio: the share of tokens that is kept in few bits, in [0, 1); 0 changes nothing.
        bits: of their numbers.
        group: numbers of a token that share their least number and step.

    Source: Yang et al., arXiv 2402.18096. Importance is the attention that a token has got from all of the text's, as in
    H2O; the others stay in the model's own type.
    """

    VERSION: ClassVar[int] = 3

    ratio: float = 0.8
    bits: int = 2
    group: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bits not in BITS:
            raise ValueError(f"bits must be one of {', '.join(map(str, BITS))}; got {self.bits}")

    from_all: ClassVar[bool] = True

    def footprint(self, length: int, bits: int = 16) -> Footprint:
        """The mean bits of a number."""
        low = 1 - self.budget(length) / length
        return Footprint(bits=low * (self.bits + SCALE_BITS / self.group) + (1 - low) * bits)

    def compress(
        self,
        module: Any,  # noqa: ANN401
        hidden_states: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",
        attentions: "torch.Tensor | None",  # noqa: ARG002 - kvpress's contract
        kwargs: dict[str, Any],
    ) -> States:
        """Round the keys and values of the tokens that matter less."""
        import torch

        if not self.ratio:
            return keys, values
        turns = kwargs["position_embeddings"]
        heads, length = keys.shape[1:3]
        sums = once(kwargs, "attention", lambda: attention_sums(module, hidden_states, keys, turns))
        matters = torch.zeros_like(sums, dtype=torch.bool)
        matters.scatter_(2, best(sums, self.budget(length)), value=True)
        tail = slice(-256, None)  # enough queries to see which channels are large
        asked = queries(module, hidden_states[:, tail], (turns[0][:, tail], turns[1][:, tail]))
        large = asked.abs().amax(2).view(1, heads, -1, keys.shape[3]).amax(2)
        balance = (large / keys.abs().amax(2).clamp_min(1e-6)).clamp_min(1e-6).sqrt()[:, :, None]
        low = rounded(keys * balance, self.bits, self.group) / balance
        whole = matters[..., None]
        return torch.where(whole, keys, low), torch.where(
            whole, values, rounded(values, self.bits, self.group)
        )
