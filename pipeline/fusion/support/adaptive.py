"""APE's attention: passages and the rest of the prompt apart, the passages' share by a temperature and a scale."""

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from rlc.pipeline.llms.support.llama_like import of_queries

NAME = "rlc-ape"


def adaptive_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scaling: float,
    context: tuple[int, int],
    temperature: float,
    scale: float,
) -> Tensor:
    """Attend to passages and to the rest apart, and mix the two.

    With s = scaling * q k, the passages' logits are s / temperature; the two halves are weighed by the softmax over
    scale * temperature * logsumexp(s / temperature) and logsumexp(s) (arXiv 2502.05431, section 4).

    Args:
        query: [batch, heads, rows, dimension], the last tokens of the text.
        key: [batch, heads, tokens, dimension].
        value: as the keys.
        scaling: of the products.
        context: where the passages begin and end.
        temperature: above 0.
        scale: above 0.

    Returns:
        [batch, heads, rows, dimension].
    """
    rows, tokens = query.shape[2], key.shape[2]
    logits = (query @ key.transpose(2, 3) * scaling).float()
    columns = torch.arange(tokens, device=query.device)
    logits = logits.masked_fill(columns[None] > columns[tokens - rows :, None], float("-inf"))
    inside = (columns >= context[0]) & (columns < context[1])
    halves = [
        (logits[..., inside] / temperature, value[:, :, inside], scale * temperature),
        (logits[..., ~inside], value[:, :, ~inside], 1.0),
    ]
    weights = torch.stack([half.logsumexp(-1) * factor for half, _, factor in halves], -1).softmax(-1)
    mixed = torch.zeros_like(query)
    for i, (half, values, _) in enumerate(halves):
        mixed += weights[..., i : i + 1].to(value.dtype) * (half.softmax(-1).to(value.dtype) @ values)
    return mixed


def _attend(
    module: Any,  # noqa: ANN401 - transformers' own
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _: Tensor | None,
    dropout: float = 0.0,  # noqa: ARG001 - others call by places
    scaling: float = 1.0,
    *,
    ape: dict[str, Any],
    **__: object,
) -> tuple[Tensor, None]:
    groups = module.num_key_value_groups
    out = adaptive_attention(
        query, of_queries(key, groups), of_queries(value, groups), scaling=scaling, **ape
    )
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, _attend)
