"""A cache of keys and values that grows in blocks.

transformers' dynamic cache copies everything at every new token (`torch.cat`); over a long document that costs
more than the token itself. This one keeps spare room and writes in place, and cutting back is a change of length.
"""

from typing import TYPE_CHECKING, Any

from transformers.cache_utils import Cache, DynamicLayer

if TYPE_CHECKING:
    import torch

BLOCK = 1024  # tokens of spare room added when it runs out


class GrowingLayer(DynamicLayer):  # type: ignore[misc]  # transformers' cache classes are untyped
    """One layer's keys and values, [batch, heads, length, dimension], in buffers with spare room."""

    _room: "tuple[torch.Tensor, torch.Tensor] | None" = None

    def update(
        self,
        key_states: "torch.Tensor",
        value_states: "torch.Tensor",
        *args: Any,
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Append along the length; return all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        held = self.keys.shape[-2] if self.keys.dim() == key_states.dim() else 0
        length = held + key_states.shape[-2]
        if self._room is None or self._room[0].shape[-2] < length:
            self._grow(held, length, key_states, value_states)
        keys, values = self._room  # type: ignore[misc]  # _grow has set it
        keys[..., held:length, :] = key_states
        values[..., held:length, :] = value_states
        self.keys, self.values = keys[..., :length, :], values[..., :length, :]
        return self.keys, self.values

    def _grow(self, held: int, length: int, key_states: "torch.Tensor", value_states: "torch.Tensor") -> None:
        room = -(-length // BLOCK) * BLOCK + BLOCK
        fresh = []
        for states, old in ((key_states, self.keys), (value_states, self.values)):
            buffer = states.new_empty((*states.shape[:-2], room, states.shape[-1]))
            if held:
                buffer[..., :held, :] = old
            fresh.append(buffer)
        self._room = (fresh[0], fresh[1])


def growing_cache() -> Cache:
    """An empty cache for a model whose layers all attend to everything before them."""
    return Cache(layer_class_to_replicate=GrowingLayer)
