"""Attention to a long text that was read before, without copies of its keys and without a mask over them.

transformers masks whatever is read behind other tokens, and repeats keys and values for every query head as soon as there
is a mask. Over a long document that copies the cache at every layer of every step, several times what the attention
itself takes, and computes scores only to hide them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch

NAME = "rlc-folded"  # in transformers' table of attention functions


def folded_attention(
    module: "torch.nn.Module",
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    dropout: float = 0.0,
    scaling: float | None = None,
    **wishes: Any,  # noqa: ANN401 - transformers' own
) -> "tuple[torch.Tensor, None]":
    """Attend as transformers' `sdpa` does, with the query heads that share a key head as further queries of that head.

    Queries without a mask are those of a text's last tokens, and each sees the keys up to its own.

    Args:
        module: the attention layer.
        query: [batch, query heads, queries, dimension].
        key: [batch, key heads, keys, dimension], as `value`.
        value: as `key`.
        attention_mask: added to the scores, [batch, 1, queries, keys], or [batch, key heads, queries, keys].
        dropout: 0 in all that is only read, and here in its place since others call by places.
        scaling: of the scores.
        wishes: what else transformers hands over.

    Returns:
        [batch, queries, query heads, dimension], and no weights.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    batch, heads, queries, dimension = query.shape
    groups = heads // key.shape[1]
    if attention_mask is None and 1 < queries < key.shape[2]:
        if key.shape[3] == value.shape[3]:
            return _attend_behind(query, key, value, scaling).transpose(1, 2).contiguous(), None
        sees = torch.ones(queries, key.shape[2], dtype=torch.bool, device=key.device)
        attention_mask = sees.tril(key.shape[2] - queries)[None, None]
    repeated, folded = 2 * heads * dimension, groups * queries  # numbers a key: of its copies, of the mask's
    odd = any(wishes.get(one) is not None for one in ("softcap", "position_bias"))
    by_head = attention_mask is not None and 1 < attention_mask.shape[1] < heads
    alone = queries == 1 and not by_head
    if attention_mask is None or groups == 1 or alone or folded > repeated or odd:
        mask = (
            attention_mask.repeat_interleave(groups, 1)
            if attention_mask is not None and by_head
            else attention_mask
        )
        return sdpa_attention_forward(module, query, key, value, mask, dropout, scaling, **wishes)
    with _few_queries(query):
        attended = scaled_dot_product_attention(
            query.reshape(batch, key.shape[1], folded, dimension),
            key,
            value,
            attn_mask=attention_mask.repeat(1, 1, groups, 1),
            scale=scaling,
        )
    return attended.reshape(batch, heads, queries, -1).transpose(1, 2).contiguous(), None


def _attend_behind(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", scaling: float | None
) -> "torch.Tensor":
    """Attention of a text's last tokens, [batch, query heads, queries, dimension].

    They see all that stands before them, and of themselves what is not later. CUDA has kernels for that; on the processor
    it is two attentions without a mask, each weighted by its share of the sum under the softmax.
    """
    import torch
    from torch.nn.attention.bias import causal_lower_right
    from torch.nn.functional import scaled_dot_product_attention

    batch, heads, queries, dimension = query.shape
    groups, past = heads // key.shape[1], key.shape[2] - queries
    if query.is_cuda:
        behind = causal_lower_right(queries, key.shape[2])
        return scaled_dot_product_attention(
            query, key, value, attn_mask=behind, scale=scaling, enable_gqa=groups > 1
        )
    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    own = (states[:, :, past:].repeat_interleave(groups, 1) for states in (key, value))
    among, log_among = attend(query, *own, is_causal=True, scale=scaling)
    grouped = query.reshape(batch, -1, groups * queries, dimension)
    before, log_before = attend(grouped, key[:, :, :past], value[:, :, :past], scale=scaling)
    share = (log_before.reshape(log_among.shape) - log_among).sigmoid()[..., None]
    return torch.lerp(among.float(), before.reshape(among.shape).float(), share).to(query.dtype)


def _few_queries(query: "torch.Tensor") -> AbstractContextManager[None]:
    """The kernels that are fit for a few queries.

    Those of CUDA that take a mask let one block of threads go through all keys of a head: a long text keeps a few of a
    GPU's processors busy, and the others wait. Plain products use them all.
    """
    if not query.is_cuda:
        return nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return cast("AbstractContextManager[None]", sdpa_kernel(SDPBackend.MATH))


@contextmanager
def folded(model: Any) -> Iterator[None]:  # noqa: ANN401 - a transformers model
    """Have a model attend so inside; one that attends in another way than `sdpa` is left as it is."""
    kernels = model.config._attn_implementation
    if kernels != "sdpa":
        yield
        return
    _register()
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(kernels)


@cache
def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, folded_attention)
    AttentionMaskInterface.register(NAME, _mask)


def _mask(**told: Any) -> "torch.Tensor | None":  # noqa: ANN401 - what transformers tells of a mask
    """The mask that transformers' `sdpa` wants; none for tokens that see all that stands before them, where there are kernels.

    Those of CUDA are for numbers of 16 bits.
    """
    import torch
    from transformers.masking_utils import sdpa_mask

    last = told["q_offset"] + told["q_length"] == told["kv_length"]
    unmasked = (
        told["allow_is_causal_skip"] and told.get("local_size") is None and told["attention_mask"] is None
    )
    device = torch.device(told["device"]).type
    half = device == "cuda" and told.get("dtype") in (torch.bfloat16, torch.float16)
    if last and unmasked and (device == "cpu" or half):
        return None
    made: torch.Tensor | None = sdpa_mask(**told)
    return made
