"""Questions on what is left of a document, side by side: each is answered as if it were alone."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from rlc.data.protocols import Prompt
from rlc.pipeline.kv.base import Scored
from rlc.pipeline.kv.duo_attention import DuoAttention
from rlc.pipeline.kv.engine import KvLLM
from rlc.pipeline.kv.support.beside import Beside
from rlc.pipeline.llms.support import folded_attention as folded_module
from rlc.pipeline.llms.support.folded_attention import folded_attention

DOCUMENT = "The cat saw the other theme. Nobody knows the weather there. " * 4
QUESTIONS = ("Who saw the theme?", "Why?", "Where is the weather that nobody knows?", "Who?")
ON_ONE = [Prompt(DOCUMENT, question, "sys") for question in QUESTIONS]
MIXED = [ON_ONE[0], Prompt(DOCUMENT[::-1], "Why?", "sys"), Prompt("", "Why?"), *ON_ONE[1:]]


class Oldest(Scored):
    def scores(self, module, hidden_states, keys, values, kwargs):
        return -torch.arange(keys.shape[2], dtype=torch.float32).expand(1, keys.shape[1], -1)


@dataclass(frozen=True)
class LessEachLayer(Oldest):
    """Every layer keeps half of what the one before it keeps."""

    def compress(self, module, *rest):
        return Scored.compress(replace(self, ratio=1 - (1 - self.ratio) / 2**module.layer_idx), module, *rest)


METHODS = [Oldest(ratio=0.7), LessEachLayer(ratio=0.5), DuoAttention(ratio=0.4, sinks=2, recent=8)]


@pytest.fixture
def engine(tiny_llm_folder):
    def make(kv, side_by_side=8, **settings):
        settings = {"dtype": "float32", "device": "cpu", "prefill_step": 50, "sees": "document", **settings}
        made = KvLLM(str(tiny_llm_folder), kv, side_by_side=side_by_side, **settings)
        made._whole.forget()  # what the engines of other tests have read
        return made

    return make


def counted(made):
    usage = made.usage
    return usage.prompt_tokens, usage.cached_tokens, usage.output_tokens, usage.kv_bytes


def same(ours, theirs):
    for mine, wanted in zip(ours, theirs, strict=True):
        assert (mine.text, mine.error, mine.finish_reason) == (wanted.text, None, wanted.finish_reason)
        assert counted(mine) == counted(wanted)
        assert mine.logprobs.values == pytest.approx(wanted.logprobs.values, abs=1e-4)


@pytest.mark.parametrize("kv", METHODS, ids=lambda kv: type(kv).__name__)
@pytest.mark.parametrize("prompts", [ON_ONE, MIXED], ids=["one document", "mixed"])
@pytest.mark.parametrize("wishes", [{}, {"temperature": 1.5, "seed": 3}, {"stop": ["e"]}], ids=str)
def test_an_answer_and_its_counts_do_not_depend_on_its_company(engine, kv, prompts, wishes):
    wanted = engine(kv, 1).generate(prompts, max_tokens=10, logprobs=True, **wishes)
    for most in (2, 8):
        same(engine(kv, most).generate(prompts, max_tokens=10, logprobs=True, **wishes), wanted)


def test_one_pass_a_step_and_the_next_call_goes_on_from_what_is_left(engine, monkeypatch):
    passes = []
    advance = Beside.advance
    monkeypatch.setattr(Beside, "advance", lambda own, *step: passes.append(step) or advance(own, *step))
    llm = engine(Oldest(ratio=0.7))
    first = llm.generate(ON_ONE, max_tokens=10)
    assert [len(paths) for paths, _ in passes] == [4] * 9
    left = llm._left
    again = llm.generate(ON_ONE, max_tokens=10)
    assert llm._left is left
    assert [one.text for one in again] == [one.text for one in first]
    assert again[0].usage.cached_tokens == len(left.ids)


def test_they_take_no_more_room_than_the_window(engine, monkeypatch):
    """Of questions this long only one has room beside another."""
    asked = [Prompt("The cat saw it. ", f"{question} " * 6, "sys") for question in QUESTIONS[:1] * 5]
    wanted = engine(Oldest(ratio=0.7), 1).generate(asked, max_tokens=10, logprobs=True)
    held = []
    advance = Beside.advance
    monkeypatch.setattr(
        Beside,
        "advance",
        lambda own, *step: held.append((len(own._open), own.columns)) or advance(own, *step),
    )
    llm = engine(Oldest(ratio=0.7))
    llm.__dict__["window"] = 2 * len(llm._chat.encode(asked[0]))
    same(llm.generate(asked, max_tokens=10, logprobs=True), wanted)
    assert max(held) <= (2, llm.window)


def test_what_fails_together_is_done_apart_and_what_fails_alone_fails_alone(engine, monkeypatch):
    wanted = engine(Oldest(ratio=0.7), 1).generate(ON_ONE, max_tokens=10, logprobs=True)
    run = Beside._run

    def cramped(own, cache, ids, *rest, **wishes):
        made = run(own, cache, ids, *rest, **wishes)
        if own.tight(ids):
            raise RuntimeError("no memory")  # when all layers have grown
        return made

    monkeypatch.setattr(Beside, "_run", cramped)
    monkeypatch.setattr(Beside, "tight", lambda own, ids: len(own._open) > 1 and len(ids) > 1, raising=False)
    same(engine(Oldest(ratio=0.7)).generate(ON_ONE, max_tokens=10, logprobs=True), wanted)
    monkeypatch.setattr(Beside, "tight", lambda own, ids: True)
    llm = engine(Oldest(ratio=0.7))
    assert {one.error for one in llm.generate(ON_ONE, max_tokens=10)} == {"RuntimeError: no memory"}
    monkeypatch.setattr(Beside, "tight", lambda own, ids: False)
    same(llm.generate(ON_ONE, max_tokens=10, logprobs=True), wanted)


@pytest.mark.parametrize("queries", [1, 3, 40])
@pytest.mark.parametrize("cuda", [False, True])
def test_a_mask_by_key_heads_holds_for_the_query_heads_that_share_them(queries, cuda, monkeypatch):
    """Whether folded (few queries) or with keys repeated (many), by the kernels of the processor and those taken on CUDA."""
    kernels = folded_module._few_queries
    monkeypatch.setattr(folded_module, "_few_queries", lambda _: kernels(SimpleNamespace(is_cuda=cuda)))
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(1, heads, length, 4, generator=generator)
        for heads, length in ((6, queries), (2, 9), (2, 9))
    )
    mask = torch.where(torch.rand(1, 2, queries, 9, generator=generator) < 0.4, float("-inf"), 0.0)
    mask[..., 0] = 0.0
    made, _ = folded_attention(SimpleNamespace(num_key_value_groups=3), query, key, value, mask)
    wide = [one.repeat_interleave(3, 1) for one in (key, value, mask)]
    wanted = scaled_dot_product_attention(query, wide[0], wide[1], attn_mask=wide[2]).transpose(1, 2)
    assert torch.allclose(made, wanted, atol=1e-6)


@pytest.mark.parametrize("grouped", [True, False])
def test_nothing_is_kept_for_gradients(engine, grouped):
    """What the layers make of a long text, kept for a way back that nobody goes, is a hundred times its cache."""
    llm = engine(METHODS[0])
    llm._model.requires_grad_(True)  # as a model comes; loading ends that, and no pass may lean on it
    try:
        llm.generate(ON_ONE[:2] if grouped else ON_ONE[:1], max_tokens=2)
        kept = [*(states for layer in llm._whole.hidden for states in layer), llm._whole.cache.layers[0].keys]
    finally:
        llm._model.requires_grad_(False)
    assert len(kept) > 1
    assert not any(states.requires_grad for states in kept)


def test_a_loaded_model_asks_for_no_gradients(engine):
    assert not any(weight.requires_grad for weight in engine(METHODS[0])._model.parameters())


def test_side_by_side_below_one_is_refused(engine):
    with pytest.raises(ValueError, match="side_by_side"):
        engine(Oldest(), 0)
