import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.cache_utils import Cache, DynamicLayer

from rlc.pipeline.llms.support import growing_layer as module
from rlc.pipeline.llms.support.growing_cache import growing_cache
from rlc.pipeline.llms.support.growing_layer import GrowingLayer


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)


def states(length, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 1, 2, length, 3, generator=generator).unbind()


# A step appends so many tokens, or, where negative, cuts so many off.
STEPS = st.lists(st.integers(-9, 9).filter(bool), max_size=12)


@given(steps=STEPS)
def test_it_holds_what_the_dynamic_cache_holds(steps):
    ours, theirs = growing_cache(), Cache(layer_class_to_replicate=DynamicLayer)
    for seed, step in enumerate(steps):
        if step < 0:
            step = max(step, -theirs.get_seq_length())
            ours.crop(step)
            theirs.crop(step)
        else:
            for layer in range(2):
                new = states(step, 2 * seed + layer)
                for mine, wanted in zip(ours.update(*new, layer), theirs.update(*new, layer), strict=True):
                    assert torch.equal(mine, wanted)
        assert ours.get_seq_length() == theirs.get_seq_length()
        assert ours.get_mask_sizes(1, 0) == theirs.get_mask_sizes(1, 0)


def test_room_is_made_in_blocks_and_used_in_place():
    layer = GrowingLayer()
    layer.update(*states(3, 0))
    buffer = layer.keys.data_ptr()
    for seed in range(1, 6):
        layer.update(*states(1, seed))
        assert layer.keys.data_ptr() == buffer
    layer.update(*states(1, 9))
    assert layer.keys.data_ptr() != buffer
    assert layer.get_seq_length() == 9


def test_a_cut_is_written_over():
    layer = GrowingLayer()
    first, second = states(5, 0), states(2, 1)
    layer.update(*first)
    layer.crop(-3)
    keys, values = layer.update(*second)
    assert torch.equal(keys, torch.cat([first[0][..., :2, :], second[0]], dim=-2))
    assert torch.equal(values, torch.cat([first[1][..., :2, :], second[1]], dim=-2))
