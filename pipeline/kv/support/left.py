"""What a press has left of a text, and how it is attended to."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlc.pipeline.kv.base import Press
from rlc.pipeline.llms.support.growing_cache import growing_cache

if TYPE_CHECKING:
    import torch


@dataclass
class Left:
    """What a press has left of a text.

    `cache` holds each layer's keys and values. `given_up`, by layer, marks those that single heads do without,
    [kv heads, kept], where heads keep different ones; the cache still holds them, and attention passes over them.
    `ids` were read, `numbers` would have to be stored, `bytes` is their size.
    """

    ids: list[int]
    cache: Any = field(default_factory=growing_cache)
    given_up: "dict[int, torch.Tensor]" = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    numbers: int = 0
    bytes: int = 0

    def add(self, index: int, module: Any, keys: "torch.Tensor", values: "torch.Tensor") -> None:  # noqa: ANN401
        """Take a layer's keys and values, and what its heads have named as given up."""
        import torch

        self.cache.update(keys, values, index)
        heads, length = keys.shape[1:3]
        kept = torch.full((heads,), length, device=keys.device)
        masked = getattr(module, "masked_key_indices", None)
        module.masked_key_indices = None  # kvpress would hold it against whatever the model reads next
        if masked is not None and len(masked[0]):
            gone = torch.zeros(heads, length, dtype=torch.bool, device=keys.device)
            gone[masked[1].to(keys.device), masked[2].to(keys.device)] = True
            self.given_up[index] = gone
            kept = kept - gone.sum(-1)
        # A channel that is zero for all tokens of a head (ThinK) need not be stored.
        channels = sum((one[0] != 0).any(dim=1).sum(-1) for one in (keys, values))
        self.lengths.append(length)
        self.numbers += int((kept * channels).sum())

    def weigh(self, press: Press, model_bits: int) -> None:
        """Note the size of what is left."""
        self.bytes = round(self.numbers * press.footprint(len(self.ids), model_bits).bits / 8)

    def cut(self, after: int = 0) -> None:
        """Cut the cache back to what was left, and so many tokens of what was computed on it."""
        for layer, length in zip(self.cache.layers, self.lengths, strict=True):
            layer.cut(length + after)

    @property
    def after(self) -> int:
        """How many tokens the cache holds after the text."""
        return int(self.cache.get_seq_length()) - self.lengths[0] if self.lengths else 0

    @property
    def beyond(self) -> int:
        """Bytes of what the cache holds after the text."""
        return sum(
            int(one[..., length:, :].nbytes)
            for layer, length in zip(self.cache.layers, self.lengths, strict=True)
            for one in (layer.keys, layer.values)
        )

    @contextmanager
    def attended(self, attentions: list[Any], behind: "torch.Tensor | None" = None) -> Iterator[None]:
        """What is computed inside attends to what is left: layers may hold different numbers of tokens, and so may heads.

        `behind` is what is added to the scores of what stands after the text, [1, 1, new, after + new]; without it a token
        sees all that stands before it. The model has to attend by `rlc.pipeline.llms.support.folded_attention`.
        """
        made: _Masks = {}
        with ExitStack() as hooks:
            for index, attention in enumerate(attentions):
                hook = attention.register_forward_pre_hook(
                    self._masking(index, behind, made), with_kwargs=True
                )
                hooks.callback(hook.remove)
            yield

    def _masking(self, index: int, behind: "torch.Tensor | None", made: "_Masks") -> Any:  # noqa: ANN401 - a hook
        def mask(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
            states, gone = kwargs["hidden_states"], self.given_up.get(index)
            held, new = self.cache.layers[index].get_seq_length(), states.shape[1]
            if behind is None and gone is None:
                return args, kwargs | {"attention_mask": None}
            key = (gone is None, self.lengths[index], held, new)
            if gone is not None or key not in made:
                after = _causal(states, held - self.lengths[index]) if behind is None else behind
                made[key] = _behind_text(after, self.lengths[index], gone)
            return args, kwargs | {"attention_mask": made[key]}

        return mask


_Masks = dict[tuple[bool, int, int, int], "torch.Tensor"]
"""Masks by what they depend on: whether all heads see the text, its length, the length with what stands after it, the new."""


def _behind_text(after: "torch.Tensor", length: int, gone: "torch.Tensor | None") -> "torch.Tensor":
    """What is added to scores, [1, 1 or kv heads, new, length + after + new], where heads have given up some of the text."""
    import torch

    text = after.new_zeros(1, 1 if gone is None else len(gone), 1, length)
    if gone is not None:
        text.masked_fill_(gone[None, :, None], float("-inf"))
    return torch.cat([one.expand(1, text.shape[1], after.shape[2], -1) for one in (text, after)], -1)


def _causal(states: "torch.Tensor", after: int) -> "torch.Tensor":
    """What is added to scores where new tokens see what stands before them, [1, 1, new, after + new]."""
    new = states.shape[1]
    hidden = states.new_full((new, after + new), float("-inf"))
    return hidden.triu(after + 1)[None, None]
