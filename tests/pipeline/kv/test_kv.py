import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import build

from rlc.data.errors import SpecError
from rlc.data.protocols import LLM, Prompt
from rlc.pipeline import families
from rlc.pipeline.kv import KV, RandomEviction, SnapKV, StreamingLLM
from rlc.pipeline.kv.base import Layer
from rlc.pipeline.kv.engine import KvLLM, thinned
from rlc.pipeline.llms.hf import HfLLM

DOCUMENT = "The cat saw the other theme. Nobody knows the weather there. " * 4
PROMPTS = [Prompt(DOCUMENT, question, "sys") for question in ("Who saw the theme?", "Why?")]


def layer(length=40, heads=2, seed=0, window=8):
    generator = torch.Generator().manual_seed(seed)
    keys, values = (torch.randn(heads, length, 4, generator=generator) for _ in range(2))
    attention = torch.rand(2 * heads, min(window, length), length, generator=generator)
    return Layer(0, keys, values, attention)


@pytest.fixture(scope="module")
def weights(tiny_llm_folder):
    return HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")._model


@pytest.fixture
def engine(tiny_llm_folder, weights):
    def make(kv=None):
        settings = {"dtype": "float32", "device": "cpu", "prefill_step": 64}
        made = KvLLM(str(tiny_llm_folder), kv, **settings) if kv else HfLLM(str(tiny_llm_folder), **settings)
        made.__dict__["_model"] = weights
        return made

    return make


def method(name, ratio):
    """An entry of the table, with a window that the short prompts here have room for."""
    return build(families.EVICTION, name, ratio=ratio, observed=8)


@pytest.mark.parametrize("name", KV)
@given(ratio=st.floats(0, 0.99), length=st.integers(1, 60))
def test_the_budget_is_held_and_the_best_stay(name, ratio, length):
    chosen, one = method(name, ratio), layer(length)
    kept = chosen.kept(one)
    assert kept.shape == (2, max(1, length - int(ratio * length)))
    assert all(row.tolist() == sorted(set(row.tolist())) for row in kept)
    scores = chosen.scores(one)
    for head, row in enumerate(kept):
        gone = [i for i in range(length) if i not in set(row.tolist())]
        if gone:
            assert scores[head, row].min() >= scores[head, gone].max()


@pytest.mark.parametrize("name", KV)
def test_ratio_0_keeps_all(name):
    assert method(name, 0.0).kept(layer(10)).tolist() == [list(range(10))] * 2


def test_streaming_llm_by_hand():
    kept = StreamingLLM(ratio=0.5, sinks=2).kept(layer(10))
    assert kept.tolist() == [[0, 1, 7, 8, 9]] * 2


def test_snapkv_by_hand():
    attention = torch.zeros(2, 1, 8)
    attention[:, 0, 2] = 1.0  # both query heads look at token 2; smoothing over 3 takes 1 and 3 along
    one = Layer(0, torch.zeros(1, 8, 4), torch.zeros(1, 8, 4), attention)
    assert SnapKV(ratio=0.5, observed=1, kernel=3).kept(one).tolist() == [[1, 2, 3, 7]]
    scores = SnapKV(observed=1, kernel=3).scores(one)[0]
    assert scores[:4].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])
    assert math.isinf(scores[7])


def test_random_is_random_but_for_its_seed():
    one = layer(40)
    assert RandomEviction(seed=1).kept(one).equal(RandomEviction(seed=1).kept(one))
    assert not RandomEviction(seed=1).kept(one).equal(RandomEviction(seed=2).kept(one))
    other = Layer(1, one.keys, one.values)
    assert not RandomEviction(seed=1).kept(one).equal(RandomEviction(seed=1).kept(other))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: StreamingLLM(ratio=1.0), "evicted share"),
        (lambda: StreamingLLM(sinks=-1), "sinks"),
        (lambda: SnapKV(kernel=4), "odd"),
        (lambda: SnapKV().scores(Layer(0, torch.zeros(1, 8, 4), torch.zeros(1, 8, 4))), "without it"),
    ],
)
def test_bad_settings(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize("name", KV)
def test_ratio_0_answers_as_the_whole_cache_does(engine, name):
    ours = engine(method(name, 0.0)).generate(PROMPTS, max_tokens=8, logprobs=True)
    theirs = engine().generate(PROMPTS, max_tokens=8, logprobs=True)
    assert [(a.text, a.logprobs) for a in ours] == [(b.text, b.logprobs) for b in theirs]


@pytest.mark.parametrize("name", KV)
def test_a_thinned_cache_that_keeps_all_but_nothing_is_the_whole_one(engine, name):
    """A ratio so small that no token goes takes the path of thinning, and must not change anything."""
    ours = engine(method(name, 1e-6)).generate(PROMPTS, max_tokens=8, logprobs=True)
    theirs = engine().generate(PROMPTS, max_tokens=8, logprobs=True)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert mine.text == wanted.text
        assert mine.logprobs.values == pytest.approx(wanted.logprobs.values, abs=1e-4)


@pytest.mark.parametrize("name", KV)
def test_an_answer_does_not_depend_on_what_was_asked_before(engine, name):
    llm = engine(method(name, 0.7))
    assert isinstance(llm, LLM)
    first, second = llm.generate(PROMPTS, max_tokens=8, logprobs=True)
    [alone] = engine(method(name, 0.7)).generate(PROMPTS[1:], max_tokens=8, logprobs=True)
    assert first.error is None
    assert second.usage.cached_tokens > 200  # the document was read once
    assert second.text == alone.text
    assert second.logprobs.values == pytest.approx(alone.logprobs.values, abs=1e-4)


def test_what_is_evicted_matters(engine):
    texts = {
        engine(StreamingLLM(ratio=ratio)).generate(PROMPTS, max_tokens=12)[0].text for ratio in (0.0, 0.95)
    }
    assert len(texts) == 2


def test_a_thinned_cache_is_a_slice_of_the_whole(engine):
    llm = engine()
    llm.generate(PROMPTS[:1], max_tokens=2)
    whole = llm._cache
    small = thinned(whole, StreamingLLM(ratio=0.5))
    length = whole.get_seq_length()
    kept = StreamingLLM(ratio=0.5).kept(Layer(0, whole.layers[0].keys[0], whole.layers[0].values[0]))[0]
    assert small.get_seq_length() == length - length // 2
    assert small.layers[1].keys[0].equal(whole.layers[1].keys[0][:, kept])


def test_in_a_recipe(tiny_llm_folder):
    spec = {"use": "hf-kv", "model": str(tiny_llm_folder), "kv": {"use": "snapkv", "ratio": 0.25}}
    completed = families.BUILDER.complete(spec, families.LLM, "llm")
    assert completed["kv"] == {"use": "snapkv", "ratio": 0.25, "observed": 32, "kernel": 5}
    assert families.BUILDER.build(completed, families.LLM, "llm")._eviction == SnapKV(ratio=0.25)
    with pytest.raises(SpecError, match="kv"):
        families.BUILDER.complete({"use": "hf", "model": "m", "kv": "snapkv"}, families.LLM, "llm")


@pytest.mark.parametrize("ratio", [0.0, 1e-6])
@pytest.mark.parametrize("name", KV)
def test_the_log_probability_of_an_answer_by_one_pass_over_prompt_and_answer(engine, weights, name, ratio):
    llm = engine(method(name, ratio))
    prompt = llm._chat.encode(PROMPTS[0])
    answer = llm._chat.codec("the cat knows", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = weights(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    wanted = torch.log_softmax(logits.float(), dim=-1)[range(len(answer)), answer].mean()
    assert llm.logprob(PROMPTS[0], "the cat knows") == pytest.approx(float(wanted), abs=1e-4)


def test_an_empty_answer_has_no_log_probability(engine):
    with pytest.raises(ValueError, match="empty"):
        engine(SnapKV()).logprob(PROMPTS[0], "")


def test_switching_methods_keeps_what_was_read(engine):
    llm = engine(StreamingLLM(ratio=0.9))
    llm.generate(PROMPTS[:1], max_tokens=4)
    llm.evict_by(SnapKV(ratio=0.5, observed=8))
    [switched] = llm.generate(PROMPTS[:1], max_tokens=4, logprobs=True)
    [alone] = engine(SnapKV(ratio=0.5, observed=8)).generate(PROMPTS[:1], max_tokens=4, logprobs=True)
    assert switched.usage.cached_tokens > 200
    assert (switched.text, pytest.approx(switched.logprobs.values, abs=1e-4)) == (
        alone.text,
        alone.logprobs.values,
    )
