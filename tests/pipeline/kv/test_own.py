"""Our own methods by hand."""

import math
from types import SimpleNamespace

import pytest
import torch
from transformers import DynamicCache

from rlc.data.errors import UnsupportedError
from rlc.pipeline.kv import spec_kv
from rlc.pipeline.kv.engine import KvLLM
from rlc.pipeline.kv.hash_evict import agreement
from rlc.pipeline.kv.kivi import KIVI, rounded
from rlc.pipeline.kv.lacache import LaCache
from rlc.pipeline.kv.merger import gaussian_weights, runs_of
from rlc.pipeline.kv.q_filters import main_directions
from rlc.pipeline.kv.sirllm import SirLLM, entropies
from rlc.pipeline.kv.spec_kv import SpecKV
from rlc.pipeline.kv.support.states import attention_sums, queries
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.scripted import ScriptedLLM

NUMBERS = torch.randn(1, 2, 70, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_an_error_of_rounding_is_at_most_half_a_step(bits):
    back = rounded(NUMBERS, bits, 4)
    groups = NUMBERS.reshape(1, 2, 70, 2, 4)
    step = (groups.amax(-1) - groups.amin(-1)) / (2**bits - 1)
    assert ((back - NUMBERS).reshape(groups.shape).abs() <= step[..., None] / 2 + 1e-6).all()
    assert len(set(back[0, 0, 0, :4].tolist())) <= 2**bits


def test_two_bits_by_hand():
    assert rounded(torch.tensor([0.0, 1.2, 1.8, 3.0]), 2, 4).tolist() == pytest.approx([0, 1, 2, 3])
    assert rounded(torch.tensor([0.0, 3.0, 5.0]), 2, 2).tolist() == pytest.approx([0, 3, 5])  # a group of one


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_numbers_that_are_all_alike_come_back_in_their_type(dtype):
    alike = torch.tensor([0.5, 0.5, 0.5, 2.0], dtype=dtype)  # and a group of one
    back = rounded(alike, 2, 3)
    assert back.dtype is dtype
    assert back.equal(alike)


def test_kivi_rounds_keys_over_tokens_and_values_over_channels():
    keys, values = KIVI(bits=2, group=32, residual=4).compress(
        None, None, NUMBERS.clone(), NUMBERS.clone(), None, {}
    )
    assert keys[:, :, 64:].equal(NUMBERS[:, :, 64:])  # two full groups of tokens, and the latest
    assert values[:, :, 66:].equal(NUMBERS[:, :, 66:])
    assert keys[:, :, :32].mT.reshape(-1, 32)[0].unique().numel() <= 4
    assert values[0, 0, 0].unique().numel() <= 4
    assert KIVI(bits=2, group=32, residual=4).footprint(70).bits == pytest.approx(
        (64 + 66) / 140 * 3 + 10 / 140 * 16
    )


def test_runs_are_cut_where_neighbours_differ_most():
    keys = torch.tensor([[[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [-1, 0]]])
    assert runs_of(keys, 3).tolist() == [[0, 0, 1, 1, 2]]
    assert runs_of(keys, 5).tolist() == [[0, 1, 2, 3, 4]]


def test_a_run_is_weighted_by_the_distance_to_its_pivot():
    keys = torch.tensor([[[0.0], [2.0], [5.0]]])
    weights = gaussian_weights(keys, torch.tensor([[0.2, 0.1, 0.9]]), torch.tensor([[0, 0, 1]]))
    near = math.exp(-4 / (2 * 1.0))  # distance 2, mean distance of the run 1
    assert weights.tolist() == [pytest.approx([1 / (1 + near), near / (1 + near), 1])]


def test_a_ladder_keeps_the_next_token_in_the_next_layer():
    keys = torch.arange(18.0).view(1, 1, 18, 1)
    kept = [
        LaCache(ratio=0.44, sinks=1, recent=1)
        .compress(SimpleNamespace(layer_idx=layer), None, keys, keys, None, {})[0]
        .flatten()
        .tolist()
        for layer in range(2)
    ]
    assert [len(one) for one in kept] == [10, 10]
    assert all(one[0] == 0 and one[-1] == 17 for one in kept)
    assert set(kept[0]) | set(kept[1]) == set(range(18))  # what one layer lacks the next one has


def test_the_main_direction_points_where_the_queries_do():
    vectors = torch.tensor([[[-3.0, 0.1], [-2.0, -0.1], [-1.0, 0.0]]])
    assert main_directions(vectors)[0].tolist() == pytest.approx([-1, 0], abs=0.05)


def test_attention_is_the_model_s_own(tiny_llm_folder):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_llm_folder, attn_implementation="eager").eval()
    seen = []
    attention = model.model.layers[1].self_attn
    hook = attention.register_forward_hook(
        lambda _, args, kwargs, out: seen.append((kwargs, out[1])), with_kwargs=True
    )
    with torch.no_grad():
        cache = model(torch.arange(4, 54)[None]).past_key_values
        hook.remove()
        [(kwargs, shown)] = seen
        states, turns = (
            kwargs["hidden_states"][:, 10:],
            [one[:, 10:] for one in kwargs["position_embeddings"]],
        )
        sums = attention_sums(attention, states, cache.layers[1].keys, turns, block=16)
    assert torch.allclose(sums[0], shown[0, :, 10:].sum(1).view(2, 2, -1).sum(1), atol=1e-5)
    assert queries(attention, states, turns).shape == (1, 4, 40, 8)


def test_hashes_agree_the_more_the_smaller_the_angle():
    keys = torch.tensor([[3.0, 0.0], [-1.0, 0.0], [1.0, 1.0]])
    found = agreement(keys, torch.tensor([[1.0, 0.0]]), 1000)
    assert found[0] == 1000  # the same direction, whatever its length
    assert found[1] == 0
    assert float(found[2]) == pytest.approx(750, abs=40)  # 45 of 180 degrees


def test_an_entropy_is_the_surprise_of_a_token_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0], [5.0, 5.0]])
    found = entropies(lambda rows: rows, logits, torch.tensor([0, 1, 0]), block=1)
    assert found.tolist() == pytest.approx([0, math.log(4 / 3), math.log(2)])


def test_unexpected_tokens_stay_and_old_ones_fade(tiny_llm_folder):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_llm_folder).eval()
    ids = torch.arange(4, 54)[None]

    def kept(method):
        with torch.no_grad(), method(model):
            cache = model.model(input_ids=ids, past_key_values=DynamicCache()).past_key_values
        whole = model.model(input_ids=ids).past_key_values.layers[0].keys[0, 0]
        return [int((whole - key).abs().sum(-1).argmin()) for key in cache.layers[0].keys[0, 0]]

    with torch.no_grad():
        likely = model(ids).logits[0, :-1].log_softmax(-1)[range(49), ids[0, 1:]]
    unlikely = sorted([0, 1, *(1 + i for i in likely.argsort().tolist() if i)][:12])
    assert kept(SirLLM(ratio=0.75, sinks=2)) == unlikely
    assert kept(SirLLM(ratio=0.75, sinks=2, decay=0.1, turn=1)) == [0, 1, *range(40, 50)]  # the latest


def test_what_the_draft_looks_at_stays_and_the_draft_goes(monkeypatch):
    rows = [
        [0.0, 0.1, 0.0, 0.0, 0.9, 0.0, 0.0],  # the text's last token
        [
            0.3,
            0.0,
            0.2,
            0.0,
            0.0,
            0.1,
            0.4,
        ],  # two of the draft's, which pay the most where the text has not looked
        [0.0, 0.0, 0.6, 0.0, 0.0, 0.2, 0.2],
    ]
    monkeypatch.setattr(spec_kv, "attention", lambda *given: torch.tensor(rows)[None, None, None])
    keys = torch.arange(7.0).view(1, 1, 7, 1)
    turns = {"position_embeddings": (torch.zeros(1, 9, 1), torch.zeros(1, 9, 1))}

    def kept(**settings):
        worker = spec_kv.Drafted(spec_kv.SpecKV(ratio=0.4, observed=1, **settings), None, count=2)
        left, _ = worker.compress(None, torch.zeros(1, 9, 1), keys, keys, None, turns)
        return left.flatten().tolist()

    assert kept(kernel=1) == [0, 2, 4]  # 0.3 and 0.6, and the last
    assert kept(kernel=3) == [1, 3, 4]  # neighbours of 0.9 and of 0.6 have their scores, the earlier first


def test_a_drafter_speaks_the_model_s_tokens(tiny_llm_folder, monkeypatch):
    engine = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu", side_by_side=1)
    model = engine._model
    drafts = [SpecKV(drafter=one, ahead=5).begin(model).draft([5, 6, 7]) for one in (None, engine)]
    assert drafts[0] == drafts[1]
    assert len(drafts[0]) == 5
    monkeypatch.setattr(engine._chat.codec, "get_vocab", dict)  # not that of the plain template
    with pytest.raises(UnsupportedError, match="their tokens are others"):
        KvLLM(str(tiny_llm_folder), SpecKV(drafter=engine), template="plain", device="cpu")
    with pytest.raises(UnsupportedError, match="drafting for spec-kv"):
        KvLLM(str(tiny_llm_folder), SpecKV(drafter=ScriptedLLM(["a"])), device="cpu")
    with pytest.raises(ValueError, match="odd"):
        SpecKV(kernel=2)
