"""The identities that putting passages together must hold, on a tiny random Llama."""

from dataclasses import replace

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from rlc.pipeline.fusion import FUSIONS, ape, cache_blend, parallel_windows, prompt_cache
from rlc.pipeline.fusion.base import Fusion
from rlc.pipeline.fusion.support import adaptive
from rlc.pipeline.fusion.support.adaptive import adaptive_attention
from rlc.pipeline.fusion.support.passages import Fused, fuse, moved, read_apart

GENERATOR = torch.Generator().manual_seed(1)
PREFIX, FIRST, SECOND, THIRD, ASKED = (
    torch.randint(0, 256, (length,), generator=GENERATOR).tolist() for length in (7, 21, 30, 15, 9)
)
PASSAGES = [FIRST, SECOND, THIRD]
TEXT = [*FIRST, *SECOND, *THIRD]


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=256, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.2,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def whole(model, ids, **wishes):
    """The logits of the question, read behind everything at once."""
    return model(torch.tensor([ids]), **wishes).logits[0, -len(ASKED) :]


def together(model, passages, fusion, prefix=PREFIX):
    head = read_apart(model, prefix) if prefix else []
    return fuse(model, (prefix, head), [(ids, read_apart(model, ids, head)) for ids in passages], fusion)


def asked(model, fused: Fused, **wishes):
    places = torch.arange(fused.place, fused.place + len(ASKED))[None]
    out = model(torch.tensor([ASKED]), past_key_values=fused.cache, position_ids=places, **wishes)
    return out.logits[0]


def near(one, other, tolerance=2e-5):
    return (one - other).abs().max() < tolerance


def test_keys_that_are_moved_are_keys_that_were_read_there(model):
    there = DynamicCache()
    model.model(torch.tensor([FIRST]), past_key_values=there, position_ids=torch.arange(50, 71)[None])
    for (keys, values), layer in zip(moved(model, read_apart(model, FIRST), 50), there.layers, strict=True):
        assert near(keys, layer.keys)
        assert near(values, layer.values)


@pytest.mark.parametrize("fusion", [prompt_cache(), parallel_windows(), cache_blend()])
def test_one_passage_is_read_as_ever(model, fusion):
    assert near(asked(model, together(model, [FIRST], fusion)), whole(model, PREFIX + FIRST + ASKED))


def test_everything_computed_anew_is_read_as_ever(model):
    fused = together(model, PASSAGES, cache_blend(recomputed=1.0))
    assert near(asked(model, fused), whole(model, PREFIX + TEXT + ASKED))
    assert fused.renewed == len(TEXT)


def test_nothing_computed_anew_is_blockwise_attention(model):
    text = TEXT + ASKED
    mask = torch.full((len(text), len(text)), float("-inf")).triu(1)
    start = 0
    for ids in PASSAGES:
        mask[start : start + len(ids), :start] = float("-inf")
        start += len(ids)
    blockwise = whole(model, text, attention_mask=mask[None, None])
    fused = asked(model, together(model, PASSAGES, prompt_cache(), prefix=[]))
    assert near(fused, blockwise)
    assert not near(fused, whole(model, text), 1e-2)


def test_neutral_weights_are_plain_attention(model):
    plain = asked(model, together(model, PASSAGES, parallel_windows()))
    ends = (len(PREFIX), len(PREFIX) + len(TEXT))
    settings = {"context": ends, "temperature": 1.0, "scale": 1.0}
    fused = together(model, PASSAGES, parallel_windows())
    kernels = model.config._attn_implementation
    model.set_attn_implementation(adaptive.NAME)
    try:
        neutral = asked(model, fused, ape=settings)
        weighed = asked(model, together_plainly(model, kernels), ape={**settings, "scale": 0.5})
    finally:
        model.set_attn_implementation(kernels)
    assert near(neutral, plain)
    assert not near(weighed, plain, 1e-2)


def together_plainly(model, kernels):
    weighing = model.config._attn_implementation
    model.set_attn_implementation(kernels)
    fused = together(model, PASSAGES, parallel_windows())
    model.set_attn_implementation(weighing)
    return fused


def test_weights_by_hand():
    """Equal logits 0 towards 3 tokens of passages, whose values are 1, and 2 others, whose values are 0."""
    value = torch.tensor([1.0, 1, 1, 0, 0])[None, None, :, None]
    nothing = torch.zeros(1, 1, 5, 1)
    got = adaptive_attention(
        nothing[:, :, :1], nothing, value, scaling=1.0, context=(0, 3), temperature=0.5, scale=0.8
    )
    assert got.item() == pytest.approx(3**0.4 / (3**0.4 + 2))


def test_the_more_is_computed_anew_the_nearer_to_reading_as_ever(model):
    sequential = whole(model, PREFIX + TEXT + ASKED)
    distances, counts = [], []
    for share in (0.0, 0.3, 0.9):
        fused = together(model, PASSAGES, Fusion(recomputed=share))
        counts.append(fused.renewed)
        distances.append((asked(model, fused) - sequential).pow(2).mean().item())
    assert distances[0] > distances[1] > distances[2] > 0
    # All 66 in two of three layers, 20 and 59 of them in the third.
    assert counts == [0, pytest.approx((2 * 66 + 20) / 3), pytest.approx((2 * 66 + 59) / 3)]


def test_passages_at_one_place_end_where_the_longest_does(model):
    assert together(model, PASSAGES, ape()).place == len(PREFIX) + 30
    assert together(model, PASSAGES, prompt_cache()).place == len(PREFIX) + 66


@pytest.mark.parametrize(
    ("setting", "value"), [("temperature", 0), ("scale", -1), ("recomputed", 1.1), ("check", -1)]
)
def test_settings_that_cannot_be(setting, value):
    with pytest.raises(ValueError, match=setting):
        replace(Fusion(), **{setting: value})


def test_what_is_computed_anew_stands_at_its_own_place():
    with pytest.raises(ValueError, match="own places"):
        Fusion(own_places=False, recomputed=0.1)


def test_every_row_is_a_fusion():
    assert all(isinstance(made(), Fusion) for made in (ape, cache_blend, parallel_windows, prompt_cache))
    assert len(FUSIONS) == 4
