"""A layer of a cache of keys and values that grows in blocks.

transformers' dynamic cache copies everything at every new token (`torch.cat`); over a long document that costs
more than the token itself. This one keeps spare room and writes in place, and cutting back is a change of length.
"""

from typing import TYPE_CHECKING, cast

from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    import torch

BLOCK = 1024  # tokens of spare room added when it runs out


class GrowingLayer(DynamicLayer):
    """One layer's keys and values, [batch, heads, length, dimension], in buffers with spare room."""

    _room: "tuple[torch.Tensor, torch.Tensor] | None" = None

    def update(
        self,
        key_states: "torch.Tensor",
        value_states: "torch.Tensor",
        *args: object,  # noqa: ARG002 - transformers hands over more than this layer needs
        **kwargs: object,  # noqa: ARG002
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Append along the length; return all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)  # type: ignore[no-untyped-call]
        old_keys, old_values = cast("torch.Tensor", self.keys), cast("torch.Tensor", self.values)
        held = self.get_seq_length()
        length = held + key_states.shape[-2]
        if self._room is None or self._room[0].shape[-2] < length:
            self._room = (
                _grown(key_states, old_keys, held, length),
                _grown(value_states, old_values, held, length),
            )
        keys, values = self._room
        keys[..., held:length, :] = key_states
        values[..., held:length, :] = value_states
        self.keys, self.values = keys[..., :length, :], values[..., :length, :]
        return self.keys, self.values

    @property
    def nbytes(self) -> int:
        """The size of what it holds, without spare room."""
        return sum(states.nbytes for states in (self.keys, self.values) if states is not None)

    def at(self, columns: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Copies of the keys and values at these places of the length, int64 [places]."""
        keys, values = cast("torch.Tensor", self.keys), cast("torch.Tensor", self.values)
        columns = columns.to(keys.device)
        return keys[..., columns, :], values[..., columns, :]

    def keep(self, columns: "torch.Tensor") -> None:
        """Keep these places of the length, ascending, and let the others go."""
        if self._room is not None:
            for room, kept in zip(self._room, self.at(columns), strict=True):
                room[..., : len(columns), :] = kept
            self.cut(len(columns))

    def cut(self, length: int) -> None:
        """Let go of what is behind so many places, if there is any."""
        if self._room is not None and self.get_seq_length() > length:
            self.keys, self.values = (room[..., :length, :] for room in self._room)


def _grown(states: "torch.Tensor", old: "torch.Tensor", held: int, length: int) -> "torch.Tensor":
    """A buffer with room for `length` tokens and a block to spare, holding the first `held` ones."""
    room = -(-length // BLOCK) * BLOCK + BLOCK
    buffer = states.new_empty((*states.shape[:-2], room, states.shape[-1]))
    if held:
        buffer[..., :held, :] = old
    return buffer
