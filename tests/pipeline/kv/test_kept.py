"""Laws over every row of the table, on a random model: what is kept, when, and what it is read from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from stand_ins import build

from rlc.data import errors
from rlc.data.errors import MissingExtraError, SpecError, UnsupportedError
from rlc.data.protocols import LLM, Prompt
from rlc.pipeline import families
from rlc.pipeline.kv import H2O, KEPT, EntropyChunkKV, MiKV, SnapKV, h2o, mikv
from rlc.pipeline.kv.base import LEAST, SHARES, Evicting, Scored
from rlc.pipeline.kv.engine import KvLLM
from rlc.pipeline.kv.fetched import Fetched
from rlc.pipeline.kv.kivi import KIVI
from rlc.pipeline.kv.support.states import attention_sums
from rlc.pipeline.llms.hf import HfLLM

DOCUMENT = "The cat saw the other theme. Nobody knows the weather there. " * 5
PROMPTS = [Prompt(DOCUMENT, question, "sys") for question in ("Who saw the theme?", "Why?")]
# Settings for a text of 260 tokens.
SMALL = {
    "observed": 8,
    "ahead": 4,
    "recent": 32,
    "stretch": 10,
    "lag": 32,
    "block": 32,
    "residual": 32,
    "piece": 100,
}
# The lowest keys of a token that is said twice are turned, not stretched: the last bits of their lengths say which one stays.
TIED = {"knorm": 0.1}
WITHOUT_RATIO = {"simlayerkv": {"lazy": 1.0}, "kivi": {"bits": 16}}  # settings that change nothing


@pytest.fixture(scope="module")
def engine(tiny_llm_folder):
    def make(kv=None, **settings):
        settings = {"dtype": "float32", "device": "cpu", "prefill_step": 64, **settings}
        if kv is None:
            return HfLLM(str(tiny_llm_folder), side_by_side=1, **settings)
        made = KvLLM(str(tiny_llm_folder), kv, **settings)
        made._whole.forget()  # what the engines of other tests have read
        return made

    return make


@pytest.fixture(scope="module")
def whole(engine):
    return engine().generate(PROMPTS, max_tokens=4, logprobs=True)


def method(name, **settings):
    """A row of the table, small; skipped where its package is missing."""
    try:
        return build(families.PRESS, name, **SMALL, **settings)
    except MissingExtraError as error:
        pytest.skip(str(error))


def neutral(name):
    return method(name, **WITHOUT_RATIO.get(name, {"ratio": 0.0}))


def told(generations, near=1e-4):
    return [
        (made.text, made.error, pytest.approx(made.logprobs.values.tolist(), abs=near))
        for made in generations
    ]


def heard(generations):
    return [(made.text, made.error, made.logprobs.values.tolist()) for made in generations]


def ask(llm, prompts=PROMPTS):
    return llm.generate(prompts, max_tokens=4, logprobs=True)


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("sees", ["document", "question"])
def test_the_laws(engine, whole, name, sees):
    changed = method(name, ratio=0.4)
    if isinstance(changed, Fetched):
        pytest.skip("needs files of the network for the model; below")
    if sees not in changed.sights:
        with pytest.raises(UnsupportedError, match=f"{changed.sights[0]}' only"):
            engine(changed, sees=sees)
        return
    assert heard(ask(engine(neutral(name), sees=sees))) == told(whole)  # nothing given up, nothing changed
    llm = engine(changed, sees=sees)
    first, second = ask(llm)
    assert first.error is None
    assert second.usage.cached_tokens > 200  # the document was read once
    near = TIED.get(name, 1e-4)
    assert heard(ask(llm, PROMPTS[::-1])) == told(
        [second, first], near
    )  # the order of questions does not matter
    alone = ask(engine(changed, sees=sees, prefill_step=1000), PROMPTS[1:])
    # nor what was asked before or beside, nor the steps in which it was read
    assert heard(alone) == told([second], near)
    asked = second.usage.prompt_tokens
    read = asked if sees == "question" else second.usage.cached_tokens
    if type(changed).footprint is Evicting.footprint:  # what gives up tokens, and no more
        assert changed.footprint(read, 32).kept == pytest.approx(0.6, abs=0.01)
    footprint = changed.footprint(read, 32).bytes(read * 2 * 2 * 2 * 8) + (asked - read) * 256
    assert second.usage.kv_bytes == pytest.approx(footprint, rel=0.05)


@pytest.mark.parametrize("name", KEPT)
def test_a_share_that_is_none_is_refused(name):
    one = method(name)
    if isinstance(one, Evicting):
        with pytest.raises(ValueError, match="ratio"):
            type(one)(ratio=1.0)


@pytest.mark.parametrize("name", KEPT)
def test_settings_out_of_range_are_refused_before_a_text_is_read(name):
    made = method(name)
    outside = {setting: least - 1 for setting, least in LEAST.items() if hasattr(made, setting)}
    outside |= {setting: 1.5 for setting in SHARES if hasattr(made, setting)}
    for setting, value in outside.items():
        with pytest.raises(ValueError, match=f"{setting} .*{value}"):
            replace(made, **{setting: value})


def test_settings_that_do_not_go_together():
    with pytest.raises(ValueError, match="odd, got 4"):
        SnapKV(kernel=4)
    with pytest.raises(ValueError, match="below stretch, 4; got 4"):
        EntropyChunkKV(stretch=4)


@pytest.mark.parametrize("name", [name for name in KEPT if name != "random"])
def test_a_method_names_its_source(name):
    assert "Source:" in type(method(name)).__doc__


@pytest.mark.parametrize("name", ["kvzap", "expected-attention-stats", "lu-kv"])
def test_what_needs_files_of_the_network_says_which(engine, monkeypatch, name):
    def nothing(*args, **kwargs):
        raise OSError("no network")

    llm = engine(method(name))  # the model is loaded
    for door in ("requests.get", "huggingface_hub.PyTorchModelHubMixin.from_pretrained"):
        monkeypatch.setattr(door, nothing)
    monkeypatch.setattr("transformers.PreTrainedModel.from_pretrained", nothing)
    with pytest.raises(UnsupportedError, match="which kvpress fetches"):
        ask(llm)


@pytest.mark.parametrize("scores", ["snapkv", "keydiff"])
def test_heads_that_keep_different_tokens_answer_as_kvpress_has_them(engine, scores, monkeypatch):
    """kvpress hides what a head gives up behind a false key; here it is masked: the numbers are the same."""
    method("adakv")  # or skip
    from transformers import DynamicCache
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    from rlc.pipeline.kv import AdaKV
    from rlc.pipeline.kv.library import load_kvpress

    kvpress, own = load_kvpress(), ALL_ATTENTION_FUNCTIONS["sdpa"]
    assert own.__module__.startswith("transformers")  # kvpress's patch is off, but where it is wanted
    llm = engine(AdaKV(ratio=0.5, scores=scores), sees="document")
    [made] = ask(llm, PROMPTS[:1])
    monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", kvpress.attention_patch.attention_patch(own))
    ids, weights = llm._chat.encode(PROMPTS[0]), llm._model
    border = len(llm._left.ids)
    inner = kvpress.SnapKVPress(0.5, 32, 5) if scores == "snapkv" else kvpress.KeyDiffPress(0.5)
    cache, turned = DynamicCache(), torch.arange(len(ids))[None]
    press = kvpress.AdaKVPress(inner)
    tell = [
        layer.self_attn.register_forward_pre_hook(
            lambda _, args, kwargs: (args, kwargs | {"cache_position": torch.arange(border)}),
            with_kwargs=True,
        )
        for layer in weights.model.layers
    ]
    with torch.no_grad():
        with press(weights):
            weights.model(torch.tensor([ids[:border]]), past_key_values=cache)
        for hook in tell:
            hook.remove()
        for place in range(border, len(ids)):  # for many queries at once it may find no false key
            logits = weights(
                torch.tensor([[ids[place]]]), past_key_values=cache, position_ids=turned[:, place : place + 1]
            ).logits[0, -1]
    for layer in weights.model.layers:
        layer.self_attn.masked_key_indices = None
    assert made.logprobs.values[0] == pytest.approx(float(logits.log_softmax(-1).max()), abs=1e-4)


class Oldest(Scored):
    def scores(self, module, hidden_states, keys, values, kwargs):
        return -torch.arange(keys.shape[2], dtype=torch.float32).expand(1, keys.shape[1], -1)


def test_what_scores_best_stays_in_its_order():
    keys = torch.arange(12.0).view(1, 2, 6, 1)
    kept, _ = Oldest(ratio=0.5).compress(None, None, keys, keys, None, {})
    assert kept.flatten().tolist() == [0, 1, 2, 6, 7, 8]


def test_a_document_read_whole_stays_when_the_method_changes(engine):
    llm = engine(Oldest(ratio=0.9))
    assert isinstance(llm, LLM)
    ask(llm, PROMPTS[:1])
    llm.evict_by(Oldest(ratio=0.5))
    [switched] = ask(llm, PROMPTS[:1])
    assert switched.usage.cached_tokens > 200
    assert heard([switched]) == told(ask(engine(Oldest(ratio=0.5)), PROMPTS[:1]))
    llm.evict_by(Oldest(ratio=0.5), "document")
    [again] = ask(llm, PROMPTS[:1])
    assert again.usage.cached_tokens > 200
    assert heard([again]) == told(ask(engine(Oldest(ratio=0.5), sees="document"), PROMPTS[:1]))


def test_nothing_goes_on_from_what_the_method_before_has_left(engine):
    llm = engine(KIVI(bits=2, residual=32))
    ask(llm, PROMPTS[:1])
    llm.evict_by(Oldest(ratio=0.5))
    _, usage = llm.watch(PROMPTS[0], lambda seen: None)
    assert usage.cached_tokens == 0


def test_another_document_is_read(engine):
    llm = engine(Oldest(ratio=0.5), sees="document")
    other = Prompt(DOCUMENT.upper(), "Why?", "sys")
    made = [one for prompt in (PROMPTS[1], other, PROMPTS[1]) for one in ask(llm, [prompt])]
    assert max(one.usage.cached_tokens for one in made) < 30  # what stands before the document
    assert heard(made[2:]) == told(made[:1])


def test_engines_over_the_same_weights_share_them_and_what_was_read(engine):
    first = engine(Oldest(ratio=0.5), sees="document")
    ask(first, PROMPTS[:1])
    second = KvLLM(first.name, Oldest(ratio=0.7), dtype="float32", device="cpu", prefill_step=64)
    assert second._model is first._model
    [made] = ask(second, PROMPTS[:1])
    assert made.usage.cached_tokens > 200
    assert heard([made]) == told(ask(engine(Oldest(ratio=0.7)), PROMPTS[:1]))


def test_one_engine_at_a_time_holds_what_its_method_has_left(engine):
    first, second = engine(Oldest(ratio=0.5), sees="document"), engine(Oldest(ratio=0.7), sees="document")
    [before] = ask(first, PROMPTS[:1])
    assert first._left is not None
    ask(second, PROMPTS[:1])
    assert (first._left, first._cache, first._held) == (None, None, [])
    [after] = ask(first, PROMPTS[:1])
    assert after.usage.cached_tokens > 200, "the text was not read again"
    assert heard([after]) == told([before])


def test_a_document_is_cut_into_tokens_once_for_all_engines(engine):
    first, second = engine(Oldest(ratio=0.5)), engine(Oldest(ratio=0.7), prefill_step=100)
    assert first._chat is second._chat
    assert engine(Oldest(), template="plain")._chat is not first._chat


def test_what_does_not_depend_on_the_budget_is_computed_once_a_text(engine, monkeypatch):
    """The attention that H2O sums up, for two budgets and for MiKV."""
    summed = []
    for place in (h2o, mikv):
        monkeypatch.setattr(place, "attention_sums", lambda *args: summed.append(1) or attention_sums(*args))
    methods = [H2O(ratio=0.5), H2O(ratio=0.8), MiKV(ratio=0.5)]
    made = [ask(engine(one, sees="document"), PROMPTS[:1]) for one in methods]  # each reads for itself
    assert len(summed) == 3 * 2  # layers
    llm = engine(methods[0], sees="document")
    for one, wanted in zip(methods, made, strict=True):
        llm.evict_by(one)
        assert heard(ask(llm, PROMPTS[:1])) == told(wanted)
    assert len(summed) == 4 * 2
    ask(llm, [Prompt(DOCUMENT.upper(), "Why?", "sys")])
    assert len(summed) == 5 * 2


@pytest.mark.parametrize("sees", ["document", "question"])
def test_what_is_given_up_matters(engine, whole, sees):
    assert ask(engine(Oldest(ratio=0.95), sees=sees))[0].text != whole[0].text


@pytest.mark.parametrize("sees", ["document", "question"])
def test_stretched_positions(engine, tiny_llm_folder, sees):
    """A method that changes nothing leaves a stretched model what it is; the cache holds keys turned as it turns them."""
    settings = {"dtype": "float32", "device": "cpu", "rope": "yarn", "rope_factor": 2.0}
    plain = ask(HfLLM(str(tiny_llm_folder), side_by_side=1, **settings))
    assert heard(ask(KvLLM(str(tiny_llm_folder), Oldest(ratio=0.0), sees=sees, **settings))) == told(plain)


@pytest.mark.parametrize("sees", ["document", "question"])
def test_the_log_probability_of_an_answer_by_one_pass_over_prompt_and_answer(engine, sees):
    llm = engine(Oldest(ratio=0.0), sees=sees)
    prompt, weights = llm._chat.encode(PROMPTS[0]), llm._model
    answer = llm._chat.codec("the cat knows", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = weights(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    wanted = torch.log_softmax(logits.float(), dim=-1)[range(len(answer)), answer].mean()
    assert llm.logprob(PROMPTS[0], "the cat knows") == pytest.approx(float(wanted), abs=1e-4)
    with pytest.raises(ValueError, match="empty"):
        llm.logprob(PROMPTS[0], "")
    [weighed] = engine(Oldest(ratio=0.7), sees=sees).weigh(PROMPTS[:1], [["the cat", "the cat knows"]])
    thinned = engine(Oldest(ratio=0.7), sees=sees)
    assert weighed.values[1] / len(answer) == pytest.approx(
        thinned.logprob(PROMPTS[0], "the cat knows"), abs=1e-4
    )
    assert weighed.values[1] / len(answer) != pytest.approx(float(wanted), abs=1e-4), "on what is kept"


def test_in_a_recipe(tiny_llm_folder):
    """What was written before there was kvpress is still read."""
    pytest.importorskip("kvpress", reason=errors.KVPRESS)
    spec = {"use": "hf-kv", "model": str(tiny_llm_folder), "kv": {"use": "snapkv", "ratio": 0.25}}
    completed = families.BUILDER.complete(spec, families.LLM, "llm")
    assert completed["kv"] == {"use": "snapkv", "ratio": 0.25, "observed": 32, "kernel": 5}
    assert completed["sees"] == "question"
    with pytest.raises(SpecError, match="kv"):
        families.BUILDER.complete({"use": "hf", "model": "m", "kv": "snapkv"}, families.LLM, "llm")


def test_kvpress_is_missed_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "kvpress" else name)
    with pytest.raises(MissingExtraError, match="pip install --no-deps kvpress=="):
        families.PRESS.method("snapkv", "kv")


def test_bad_settings(engine, tiny_llm_folder, tmp_path):
    with pytest.raises(ValueError, match="sees"):
        engine(Oldest(), sees="both")
    with pytest.raises(ValueError, match="bits"):
        KIVI(bits=5)
    config = json.loads((tiny_llm_folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "bloom"}))
    with pytest.raises(UnsupportedError, match="llama, mistral"):
        KvLLM(str(tmp_path), Oldest())


def test_the_line_that_installs_kvpress_is_one():
    root = Path(__file__).parents[3]
    packages = errors.KVPRESS.partition("--no-deps ")[2]
    for file in ("Makefile", "docs/gpu.md"):
        assert f"--no-deps {packages}\n" in (root / file).read_text()
