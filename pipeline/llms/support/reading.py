"""A causal model in the middle of a text: what it has read is in its cache, and the cache can be cut back."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlc.pipeline.llms.support.batching import shared_tokens
from rlc.pipeline.llms.support.folded_attention import folded
from rlc.pipeline.llms.support.growing_cache import growing_cache

if TYPE_CHECKING:
    import torch


def sent(rows: Sequence[Sequence[int]], device: "torch.device") -> "torch.Tensor":
    """Token ids or positions on a device, int64 [rows, tokens], which is not waited for."""
    import torch

    return torch.tensor(rows).to(device, non_blocking=True)


@dataclass
class Reading:
    """A transformers model, its cache, and the place in the text at which the next token stands.

    `ids` are the tokens that were read through here, `step` how many are computed at a time, and `wishes` go to every
    call of the model.
    """

    model: Any
    cache: Any = field(default_factory=growing_cache)
    place: int = 0
    step: int = 1024
    wishes: Mapping[str, Any] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)

    def read(self, ids: Sequence[int], logits: int = 1) -> "torch.Tensor":
        """Read on; return the logits of the last tokens, float32 [logits, vocabulary].

        Raises:
            ValueError: if there is nothing to read.
        """
        import torch

        last: torch.Tensor | None = None
        # One token needs no mask, and to change the kernels for it takes a millisecond.
        with folded(self.model) if len(ids) > 1 else nullcontext():
            for start in range(0, len(ids), self.step):
                part = list(ids[start : start + self.step])
                places = torch.arange(self.place, self.place + len(part), device=self.model.device)
                made = self.model(
                    input_ids=sent([part], self.model.device),
                    position_ids=places[None],
                    past_key_values=self.cache,
                    use_cache=True,
                    logits_to_keep=logits,
                    **self.wishes,
                ).logits[0]
                last = made if last is None or len(made) >= logits else torch.cat((last, made))[-logits:]
                self.place += len(part)
                self.ids += part
        if last is None:
            raise ValueError("there is nothing to read: expected at least one token")
        return last.float()

    def cut(self, tokens: int) -> None:
        """Take the last tokens back."""
        if tokens:
            self.cache.crop(-tokens)  # transformers 5 wants the number to remove, as a negative
            self.place -= tokens
            del self.ids[-tokens:]

    def begin(self, ids: Sequence[int]) -> int:
        """Cut back to what was read of `ids` already, all but its last token; return how many tokens that is."""
        shared = min(shared_tokens(self.ids, ids), len(ids) - 1)
        # A pass that was broken off, by an interrupt say, leaves layers longer than was noted.
        if self.cache.get_seq_length() != len(self.ids) or not shared:
            self.cache, self.place, self.ids = growing_cache(), 0, []
            return 0
        self.cut(len(self.ids) - shared)
        return shared

    @property
    def nbytes(self) -> int:
        """The size of keys and values, without spare room."""
        layers = [layer for layer in self.cache.layers if layer.is_initialized]
        return sum(int(states.nbytes) for layer in layers for states in (layer.keys, layer.values))
