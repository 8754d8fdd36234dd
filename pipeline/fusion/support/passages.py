"""Keys and values of passages: read apart, moved to their places, put together, computed anew in part."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from rlc.pipeline.fusion.base import Fusion
from rlc.pipeline.llms.support.growing_cache import growing_cache
from rlc.pipeline.llms.support.llama_like import turned

Pairs = list[tuple[Tensor, Tensor]]
"""Keys and values of every layer, [1, kv heads, tokens, dimension] each."""


class Fused(NamedTuple):
    """A cache that holds a prefix and its passages, the place of the next token, and how much was computed anew.

    `renewed` counts tokens; one that was computed anew in some layers only counts by their share.
    """

    cache: Cache
    place: int
    renewed: float = 0.0


def read_apart(model: Any, ids: Sequence[int], before: Pairs | None = None) -> Pairs:  # noqa: ANN401 - of transformers
    """Keys and values of tokens that have seen `before`, a shared prefix, and nothing else."""
    cache = DynamicCache()
    for layer, pair in enumerate(before or []):
        cache.update(*pair, layer)
    start = cache.get_seq_length()
    places = torch.arange(start, start + len(ids), device=model.device)[None]
    model.model(
        input_ids=torch.tensor([list(ids)], device=model.device),
        past_key_values=cache,
        position_ids=places,
        use_cache=True,
    )
    return [(keys[:, :, start:].clone(), values[:, :, start:].clone()) for keys, values in _pairs(cache)]


def moved(model: Any, pairs: Pairs, by: int) -> Pairs:  # noqa: ANN401
    """Move tokens `by` places further on: RoPE turns a key by an angle, and angles add up."""
    if by == 0:
        return pairs
    rotary = model.model.rotary_emb
    cos, sin = rotary(pairs[0][0].float(), torch.tensor([[by]], device=model.device))
    cos, sin = (
        cos[:, None] / rotary.attention_scaling,
        sin[:, None] / rotary.attention_scaling,
    )  # YaRN's, held already
    return [(turned(keys.float(), cos, sin).to(keys.dtype), values) for keys, values in pairs]


def fuse(
    model: Any,  # noqa: ANN401
    prefix: tuple[Sequence[int], Pairs],
    passages: Sequence[tuple[Sequence[int], Pairs]],
    fusion: Fusion,
) -> Fused:
    """Put passages, each with its token ids and read right after the prefix, behind it."""
    head, held = prefix
    parts, at, furthest = [held] if head else [], len(head), len(head)
    for ids, pairs in passages:
        parts.append(moved(model, pairs, at - len(head)))
        furthest = max(furthest, at + len(ids))
        at = at + len(ids) if fusion.own_places else len(head)
    layers = [zip(*layer, strict=True) for layer in zip(*parts, strict=True)]
    cache = _cache_of([(torch.cat(keys, 2), torch.cat(values, 2)) for keys, values in layers])
    if not fusion.recomputed or not passages:
        return Fused(cache, furthest)
    return renew(model, cache, [token for ids, _ in passages for token in ids], fusion)


def renew(model: Any, cache: Cache, ids: Sequence[int], fusion: Fusion) -> Fused:  # noqa: ANN401
    """Compute passages anew, each token with all before it in sight: up to layer `check` all, then those that change most.

    How much a token changes is the squared distance between its old and its new values at that layer. `ids` are the
    passages' tokens, with which the cache ends; what stands before them has missed nothing.
    """
    length, computed = cache.get_seq_length(), 0
    columns = torch.arange(length, device=model.device)
    places = columns[length - len(ids) :]
    states = model.model.embed_tokens(torch.tensor([list(ids)], device=model.device))
    layers = [_Renewed(*pair) for pair in _pairs(cache)]
    renewed = Cache(layers=[*layers])
    for index, (layer, held) in enumerate(zip(model.model.layers, layers, strict=True)):
        old, held.places = held.values, places
        states = layer(
            states,
            attention_mask=_causal(places, columns, states.dtype),
            position_ids=places[None],
            past_key_values=renewed,
            position_embeddings=model.model.rotary_emb(states, places[None]),
            use_cache=True,
        )
        computed += len(places)
        if index == fusion.check:
            change = (held.values - old)[:, :, places].float().pow(2).sum((0, 1, 3))
            many = max(1, round(fusion.recomputed * len(ids)))
            chosen = change.sort(descending=True, stable=True).indices[:many].sort().values
            states, places = states[:, chosen], places[chosen]
    return Fused(_cache_of(_pairs(renewed)), length, computed / len(layers))


class _Renewed(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer in which new states replace those of the same places."""

    keys: Tensor
    values: Tensor
    places: Tensor

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """Return all keys and values, the new ones at `places`."""
        self.keys = self.keys.index_copy(2, self.places, key_states)
        self.values = self.values.index_copy(2, self.places, value_states)
        return self.keys, self.values


def _pairs(cache: Cache) -> Pairs:
    layers: Any = cache.layers  # all of them hold keys and values
    return [(one.keys, one.values) for one in layers]


def _cache_of(pairs: Pairs) -> Cache:
    cache = growing_cache()
    for layer, (keys, values) in enumerate(pairs):
        cache.update(keys, values, layer)
    return cache


def _causal(rows: Tensor, columns: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention's logits, [1, 1, rows, columns]: nothing towards what stands before."""
    seen = columns[None] <= rows[:, None]
    return torch.zeros(seen.shape, dtype=dtype, device=rows.device).masked_fill(~seen, float("-inf"))[
        None, None
    ]
