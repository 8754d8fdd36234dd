"""What a layer's attention computes of hidden states, for methods that look at queries."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rlc.pipeline.llms.support.llama_like import turned

if TYPE_CHECKING:
    import torch


def once(kwargs: Mapping[str, Any], name: str, make: "Callable[[], torch.Tensor]") -> "torch.Tensor":
    """What a method finds in a layer of a text whatever its budget: made once for all methods that want it.

    `kwargs` are those of `rlc.pipeline.kv.base.Compresses`; `known`, where it is among them, holds what was found.
    """
    known = kwargs.get("known", {})
    if name not in known:
        known[name] = make()
    found: torch.Tensor = known[name]
    return found


def queries(
    module: Any,  # noqa: ANN401 - a layer's attention, of transformers
    hidden_states: "torch.Tensor",
    turns: "tuple[torch.Tensor, ...]",
) -> "torch.Tensor":
    """The queries of all heads, turned by their positions, [1, heads, tokens, dimension].

    `turns` are the cosines and sines of the positions, [1, tokens, dimension].
    """
    heads, size = module.config.num_attention_heads, module.head_dim
    if hasattr(module, "q_proj"):
        made = module.q_proj(hidden_states)
    else:  # Phi3 makes queries, keys and values in one
        made = module.qkv_proj(hidden_states)[..., : heads * size]
    made = made.view(*made.shape[:-1], heads, size).transpose(1, 2)
    if hasattr(module, "q_norm"):  # Qwen3
        made = module.q_norm(made)
    return turned(made, *(one.unsqueeze(1) for one in turns))


def attention(
    module: Any,  # noqa: ANN401
    hidden_states: "torch.Tensor",
    keys: "torch.Tensor",
    turns: "tuple[torch.Tensor, ...]",
) -> "torch.Tensor":
    """The attention of a text's last tokens, float32 [1, kv heads, query heads of each, tokens, length].

    The hidden states are theirs, and each token sees the keys up to its own.
    """
    import torch

    heads, length, count = keys.shape[1], keys.shape[2], hidden_states.shape[1]
    asked = queries(module, hidden_states, turns) * module.scaling
    folded = asked.reshape(1, heads, -1, asked.shape[3])
    logits = (folded @ keys.mT).view(1, heads, -1, count, length)
    later = torch.ones(count, count, dtype=torch.bool, device=keys.device).triu(1)
    logits[..., length - count :].masked_fill_(later, float("-inf"))
    paid: torch.Tensor = logits.softmax(-1, dtype=torch.float32)
    return paid


def attention_sums(
    module: Any,  # noqa: ANN401
    hidden_states: "torch.Tensor",
    keys: "torch.Tensor",
    turns: "tuple[torch.Tensor, torch.Tensor]",
    block: int = 256,
) -> "torch.Tensor":
    """The attention that every key gets, summed over the hidden states' queries of all its heads, [1, kv heads, length].

    The hidden states are those of the text's last tokens. Only `block` rows of attention are held at a time, and of them
    only what is not later than all of the rows.
    """
    import torch

    heads, length, asking = keys.shape[1], keys.shape[2], hidden_states.shape[1]
    total = torch.zeros((1, heads, length), device=keys.device)
    for start in range(0, asking, block):
        rows = slice(start, min(start + block, asking))
        seen = length - asking + rows.stop
        some = tuple(one[:, rows] for one in turns)
        total[..., :seen] += attention(module, hidden_states[:, rows], keys[:, :, :seen], some).sum((2, 3))
    return total
