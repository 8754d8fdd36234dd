"""What a model looks at: the numbers of eager attention, shown by SDPA, which goes on as if nobody watched."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from rlc.data.errors import ContextOverflowError, UnsupportedError
from rlc.data.protocols import Attending, Prompt, Seen, attending
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.llms.support.watch import watched, weights
from rlc.pipeline.looks import SelfExtend

PROMPT = Prompt("The cat saw the other theme. " * 5, "Who saw the theme?", "sys")
QUESTION = len(PROMPT.prefix)


@pytest.fixture(scope="module")
def llm(tiny_llm_folder):
    return HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def ordinary(tiny_llm_folder):
    """Weights of ordinary size: the two ways of attending round differently, and large ones make much of it."""
    llm = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")
    with torch.no_grad():
        for values in llm._model.parameters():
            values.mul_(0.3)
    return llm


def attention(seen):
    return seen.attention


def eager(llm, ids):
    """The attention of every layer, [layers, heads, tokens, tokens]."""
    llm._model.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            out = llm._model(torch.tensor([ids]), output_attentions=True)
    finally:
        llm._model.set_attn_implementation("sdpa")
    return np.stack([layer[0].numpy() for layer in out.attentions])


def test_it_is_what_eager_attention_computes(ordinary):
    ids = ordinary._chat.encode(PROMPT)
    wanted = eager(ordinary, ids)
    seen = ordinary.watch(PROMPT, lambda seen: seen, since=QUESTION).values
    assert [one.layer for one in seen] == [0, 1]
    for one, layer in zip(seen, wanted, strict=True):
        rows = one.attention.shape[1]
        np.testing.assert_allclose(one.attention, layer[:, -rows:], atol=1e-6)
        assert one.ids.tolist() == ids
    [last] = ordinary.watch(PROMPT, attention, layers=[-1]).values
    np.testing.assert_allclose(last, wanted[1][:, -1:], atol=1e-6)


def test_the_model_computes_what_it_computes_anyhow(llm):
    ids = torch.tensor([llm._chat.encode(PROMPT)])
    with torch.inference_mode():
        plain = llm._model(ids).logits
        with watched(llm._model, lambda *_: None, [0]):
            looked_at = llm._model(ids).logits
        assert torch.equal(plain, looked_at)
        assert torch.equal(plain, llm._model(ids).logits)
    assert llm._model.config._attn_implementation == "sdpa"


def test_rows_begin_with_the_text_that_is_named(llm):
    [seen] = llm.watch(PROMPT, lambda seen: seen, since=QUESTION, layers=[0]).values
    rows = seen.tokens[-seen.attention.shape[1] :]
    text = "".join(PROMPT.text[start:end] for start, end in rows)
    assert text == PROMPT.question
    assert "".join(PROMPT.text[a:b] for a, b in seen.tokens) == PROMPT.text
    assert seen.attention.sum(-1) == pytest.approx(np.ones(seen.attention.shape[:2]), abs=1e-5)


def test_words_put_into_the_mouth_can_look(llm):
    prompt = Prompt(PROMPT.prefix, PROMPT.question, reply="the cat")
    [seen] = llm.watch(prompt, lambda seen: seen, since=len(PROMPT.text), layers=[0]).values
    rows = seen.tokens[-seen.attention.shape[1] :]
    assert "".join(prompt.text[start:end] for start, end in rows) == "the cat"


def test_a_kept_prefix_shows_the_same_and_answers_stay(llm, tiny_llm_folder):
    fresh = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu", prefill_step=7)
    first = fresh.watch(PROMPT, attention, since=QUESTION)
    again = fresh.watch(Prompt(PROMPT.prefix, "Who saw the cat?", "sys"), attention, since=QUESTION)
    assert first.usage.cached_tokens == 0
    assert again.usage.cached_tokens > 100
    alone = llm.watch(Prompt(PROMPT.prefix, "Who saw the cat?", "sys"), attention, since=QUESTION)
    np.testing.assert_allclose(again.values, alone.values, atol=1e-4)
    [answered] = fresh.generate([PROMPT], max_tokens=8)
    llm._forget()
    [wanted] = llm.generate([PROMPT], max_tokens=8)
    assert answered.text == wanted.text
    assert answered.usage.cached_tokens > 100


def test_weights_by_hand():
    query = torch.tensor([[[0.0], [1.0]], [[0.0], [2.0]]])  # two heads on one key head, two rows
    key = torch.tensor([[[1.0], [3.0], [2.0]]]).log()
    third = torch.tensor(
        [[[1 / 2, 1 / 2, 0], [1 / 6, 3 / 6, 2 / 6]], [[1 / 2, 1 / 2, 0], [1 / 14, 9 / 14, 4 / 14]]]
    )
    assert torch.allclose(weights(query, key, None, 1.0), third)
    sees = torch.tensor([[[[True, False, False], [True, True, True]]]])
    assert weights(query, key, sees, 1.0)[:, 0].tolist() == [[1, 0, 0], [1, 0, 0]]
    added = torch.zeros(1, 1, 2, 3).masked_fill(~sees, float("-inf"))
    assert torch.equal(weights(query, key, added, 1.0), weights(query, key, sees, 1.0))


def test_a_token_belongs_to_the_span_in_which_it_ends():
    tokens = np.array([[0, 0], [0, 3], [3, 7], [7, 9], [9, 9]])
    attention = np.array([[[0.1, 0.2, 0.3, 0.4, 0.0], [0.5, 0.1, 0.1, 0.2, 0.1]]], np.float32)
    seen = Seen(0, attention, tokens, np.arange(5))
    assert seen.within(4, 9).tolist() == [2, 3]
    assert seen.on([(0, 4), (4, 9), (0, 0)]).tolist()[0] == [
        pytest.approx([0.2, 0.7, 0]),
        pytest.approx([0.1, 0.3, 0]),
    ]
    assert seen.on([]).shape == (1, 2, 0)


def test_bad_wishes_are_told(llm):
    with pytest.raises(ValueError, match=r"layers must be in \[-2, 2\)"):
        llm.watch(PROMPT, attention, layers=[2])
    with pytest.raises(ValueError, match="no token of the prompt's text"):
        llm.watch(PROMPT, attention, since=len(PROMPT.text))
    with pytest.raises(ContextOverflowError, match="window of 512"):
        llm.watch(Prompt("x" * 600, "Who?"), attention)
    assert isinstance(llm, Attending)
    with pytest.raises(UnsupportedError, match="take the engine hf"):
        attending(ScriptedLLM({}))


def test_other_kernels_are_refused(llm):
    llm._model.set_attn_implementation("eager")
    try:
        with pytest.raises(UnsupportedError, match="'eager'"):
            llm.watch(PROMPT, attention)
    finally:
        llm._model.set_attn_implementation("sdpa")


def test_a_layer_that_shows_nothing_is_told(llm):
    def deaf(layer, shown):
        return None

    with pytest.raises(UnsupportedError, match=r"layers \[1\]"), watched(llm._model, deaf, [0, 1]):
        _forward_of_first_layer(llm)


def _forward_of_first_layer(llm):
    """A model whose second layer has attention of its own kind."""
    layers = llm._model.model.layers
    llm._model.model.layers = layers[:1]
    try:
        with torch.inference_mode():
            llm._model(torch.tensor([[1, 2, 3]]), use_cache=False)
    finally:
        llm._model.model.layers = layers


def test_keys_that_were_dropped_are_told(ordinary, monkeypatch):
    ordinary._forget()
    monkeypatch.setattr(ordinary, "_keep_shared", lambda _: 3)  # as a method that evicts keys would
    with pytest.raises(UnsupportedError, match=r"of the prompt's \d+ tokens: keys were dropped"):
        ordinary.watch(PROMPT, attention)
    ordinary._forget()


def test_other_ways_of_looking_are_refused(tiny_llm_folder):
    llm = HfLLM(str(tiny_llm_folder), looks=SelfExtend(), dtype="float32", device="cpu")
    with pytest.raises(UnsupportedError, match="without `looks`"):
        attending(llm)


def test_it_looks_though_kvpress_comes_later(tiny_llm_folder):
    """kvpress wraps all attention functions that stand registered when it is imported, and hands them dropout by place."""
    pytest.importorskip("kvpress")
    program = f"""
import inspect
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from rlc.data.protocols import Prompt
from rlc.pipeline.fusion.support import adaptive
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support import folded_attention
from rlc.pipeline.looks.support import bound
llm = HfLLM({str(tiny_llm_folder)!r}, dtype="float32", device="cpu")
prompt = Prompt("The cat saw the other theme. ", "Who saw the theme?")
[before] = llm.watch(prompt, lambda seen: seen.attention.tolist(), layers=[-1]).values
ours = [ALL_ATTENTION_FUNCTIONS[name] for name in ALL_ATTENTION_FUNCTIONS if name.startswith("rlc-")]
assert len(ours) >= 3, ours
for function in ours:
    inspect.signature(function).bind_partial(*["module", "query", "key", "value", "mask", "dropout"])
import kvpress
[after] = llm.watch(prompt, lambda seen: seen.attention.tolist(), layers=[-1]).values
assert after == before
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
