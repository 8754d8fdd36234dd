"""What a layer's attention computes of hidden states, for methods that look at queries."""

from typing import TYPE_CHECKING, Any

from rlc.pipeline.llms.support.llama_like import of_queries, turned

if TYPE_CHECKING:
    import torch


def queries(
    module: Any,  # noqa: ANN401 - a layer's attention, of transformers
    hidden_states: "torch.Tensor",
    turns: "tuple[torch.Tensor, torch.Tensor]",
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


def attention_sums(
    module: Any,  # noqa: ANN401
    hidden_states: "torch.Tensor",
    keys: "torch.Tensor",
    turns: "tuple[torch.Tensor, torch.Tensor]",
    block: int = 256,
) -> "torch.Tensor":
    """The attention that every key gets, summed over the hidden states' queries of all its heads, [1, kv heads, length].

    The hidden states are those of the text's last tokens. Only `block` rows of attention are held at a time.
    """
    import torch

    length, asking = keys.shape[2], hidden_states.shape[1]
    wide = of_queries(keys, module.num_key_value_groups).transpose(2, 3)
    total = torch.zeros((*wide.shape[:2], length), device=keys.device)
    places = torch.arange(length, device=keys.device)
    for start in range(0, asking, block):
        rows = slice(start, start + block)
        asked = queries(module, hidden_states[:, rows], (turns[0][:, rows], turns[1][:, rows]))
        logits = (asked @ wide).float() * module.scaling
        own = places[length - asking :][rows]
        total += logits.masked_fill(places > own[:, None], float("-inf")).softmax(-1).sum(2)
    return total.reshape(*keys.shape[:2], -1, length).sum(2)
