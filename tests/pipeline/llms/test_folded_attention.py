"""Attention to a text that was read before: the numbers of `sdpa` with a mask, without one."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support.folded_attention import _mask, folded, folded_attention

LAYER = SimpleNamespace(num_key_value_groups=1, is_causal=True)


def states(heads, tokens, dimension=8, seed=0, dtype=torch.float32):
    drawn = torch.randn(1, heads, tokens, dimension, generator=torch.Generator().manual_seed(seed))
    return drawn.to(dtype)


def masked(query, key, value, scaling=None):
    """What torch computes with a mask in which each of the last tokens sees the keys up to its own, [1, queries, heads, d]."""
    groups, queries, keys = query.shape[1] // key.shape[1], query.shape[2], key.shape[2]
    sees = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    key, value = (one.repeat_interleave(groups, 1) for one in (key, value))
    return scaled_dot_product_attention(query, key, value, attn_mask=sees, scale=scaling).transpose(1, 2)


def test_two_tokens_behind_one_by_hand():
    """Scores 0 everywhere: a token's answer is the mean of the values up to its own."""
    query, value = torch.zeros(1, 1, 2, 1), torch.tensor([3.0, 6.0, 12.0]).view(1, 1, 3, 1)
    attended, weights = folded_attention(LAYER, query, torch.ones(1, 1, 3, 1), value, None)
    assert attended.flatten().tolist() == pytest.approx([4.5, 7.0])
    assert weights is None


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (6, 2), (4, 1)])
@pytest.mark.parametrize(("queries", "keys"), [(2, 3), (5, 6), (7, 300), (40, 41), (300, 700)])
def test_it_is_attention_with_a_mask(heads, key_heads, queries, keys):
    layer = SimpleNamespace(num_key_value_groups=heads // key_heads, is_causal=True)
    query, key, value = (
        states(heads, queries),
        states(key_heads, keys, seed=1),
        states(key_heads, keys, seed=2),
    )
    attended, _ = folded_attention(layer, query, key, value, None, scaling=0.7)
    torch.testing.assert_close(attended, masked(query, key, value, 0.7), atol=2e-6, rtol=0)


def test_far_scores_do_not_overflow():
    """All of the weight on one side: the other's share is 0, and no infinity is subtracted from another."""
    query, key, value = 60 * states(2, 4), 60 * states(2, 9, seed=1), states(2, 9, seed=2)
    for sign in (1, -1):
        attended, _ = folded_attention(LAYER, query, sign * key, value, None)
        torch.testing.assert_close(attended, masked(query, sign * key, value), atol=1e-5, rtol=0)


def test_values_of_another_width_are_masked():
    query, key, value = states(2, 4), states(2, 9, seed=1), states(2, 9, dimension=5, seed=2)
    attended, _ = folded_attention(LAYER, query, key, value, None)
    torch.testing.assert_close(attended, masked(query, key, value), atol=2e-6, rtol=0)


def test_a_model_reads_on_as_with_transformers_own_attention(tiny_llm_folder):
    model = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")._model
    ids = torch.arange(3, 43)[None]
    with torch.inference_mode():
        kept = model(ids[:, :9], use_cache=True).past_key_values
        wanted = model(ids).logits[0, 9:]
        with folded(model):
            found = model(ids[:, 9:], past_key_values=kept).logits[0]
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_only_a_plain_mask_is_left_out():
    plain = {
        "batch_size": 1, "q_length": 3, "kv_length": 8, "q_offset": 5, "kv_offset": 0,
        "attention_mask": None, "allow_is_causal_skip": True, "device": torch.device("cpu"),
    }  # fmt: skip
    assert _mask(**plain) is None
    assert _mask(**plain | {"device": torch.device("cuda"), "dtype": torch.bfloat16}) is None
    padded = torch.tensor([[False] * 2 + [True] * 6])
    for other in (
        {"allow_is_causal_skip": False},
        {"local_size": 4},
        {"attention_mask": padded},
        {"kv_length": 10},
    ):
        assert _mask(**plain | other).shape[-2:] == (3, other.get("kv_length", 8)), other
