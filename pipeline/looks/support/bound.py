"""A model that looks in a way of its own: its attention function is exchanged, and its turns where they are ours."""

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from rlc.pipeline.llms.support.llama_like import of_queries
from rlc.pipeline.looks.base import Layer, Looks

NAME = "rlc-looks"
PAIRS = 2**22  # of rows and tokens that are looked at together, a head: bounds the memory of a long step


class Bound:
    """A way of looking in a model, and what it remembers of the prompt.

    From here on the model looks so. Its layers must be like Llama's; texts are read one at a time.
    """

    def __init__(self, model: Any, looks: Looks, positions: int) -> None:  # noqa: ANN401 - a transformers model
        rotary = model.model.rotary_emb
        self._looks = looks
        self._positions = positions
        self._frequencies: Tensor = rotary.inv_freq
        self._amplitude = float(rotary.attention_scaling)
        self.begin(0)
        if looks.unturned:
            model.model.rotary_emb = _Unturned(rotary)
        for layer in model.model.layers:
            layer.self_attn.rlc_looks = self
        model.set_attn_implementation(NAME)

    def begin(self, prompt: int) -> None:
        """Begin a text whose first `prompt` tokens are its prompt."""
        self._prompt = prompt
        self._memory: dict[int, dict[str, Any]] = {}

    def attend(self, index: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """Attend as `Looks.attend` does, some rows at a time."""
        rows, tokens = query.shape[2], key.shape[2]
        first, many = tokens - rows, max(64, PAIRS // tokens)
        done = []
        for at in range(0, rows, many):
            part, until = query[:, :, at : at + many], min(first + at + many, tokens)
            layer = Layer(
                index,
                first + at,
                self._prompt,
                self._frequencies,
                self._amplitude,
                self._positions,
                self._memory.setdefault(index, {}),
            )
            done.append(self._looks.attend(part, key[:, :, :until], value[:, :, :until], layer, scaling))
        return torch.cat(done, 2)


class _Unturned(torch.nn.Module):
    """Stands for a model's turns, and leaves queries and keys as they are."""

    def __init__(self, rotary: torch.nn.Module) -> None:
        super().__init__()
        self.inv_freq = rotary.inv_freq
        self.attention_scaling = 1.0

    def forward(self, states: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine 1 and sine 0 at every place."""
        shape = (*position_ids.shape, 2 * len(self.inv_freq))  # type: ignore[arg-type]
        still = torch.ones(shape, dtype=states.dtype, device=states.device)
        return still, torch.zeros_like(still)


def _attend(
    module: Any,  # noqa: ANN401 - an attention layer
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _: Tensor | None,
    dropout: float = 0.0,  # noqa: ARG001 - others call by places
    scaling: float = 1.0,
    **__: object,
) -> tuple[Tensor, None]:
    groups = module.num_key_value_groups
    out = module.rlc_looks.attend(
        module.layer_idx, query, of_queries(key, groups), of_queries(value, groups), scaling
    )
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, _attend)
