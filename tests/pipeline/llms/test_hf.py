import json
import logging
import shutil
from dataclasses import replace

import pytest

from rlc.data.errors import ContextOverflowError, EngineUnavailableError, UnsupportedError, WeightsError
from rlc.data.protocols import LLM, Prompt, Scorer
from rlc.pipeline.llms.hf import HfLLM
from rlc.pipeline.llms.support import growing_layer

DOCUMENT = "The cat saw the other theme. " * 5
OTHER = "Nobody knows the weather there. " * 4
QUESTIONS = ["Who?", "Where is the theme?", "Why?"]
PROMPTS = [Prompt(DOCUMENT, question, "sys") for question in QUESTIONS]
FAR = Prompt("x" * 600, "Who?")


@pytest.fixture(scope="module")
def engine(tiny_llm_folder):
    """A factory of engines on the tiny model, in float32 and with one set of weights."""
    cache = {}

    def make(folder=tiny_llm_folder, **settings):
        llm = HfLLM(str(folder), **{"dtype": "float32", "device": "cpu", **settings})
        if str(folder) in cache:
            llm.__dict__["_model"] = cache[str(folder)]
        cache[str(folder)] = llm._model
        return llm

    return make


@pytest.fixture
def changed_folder(tiny_llm_folder, tmp_path):
    """A function that copies the tiny model with a changed configuration."""

    def change(**config):
        folder = tmp_path / "changed"
        shutil.copytree(tiny_llm_folder, folder)
        old = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**old, **config}))
        return folder

    return change


def ask(llm, prompts=PROMPTS, max_tokens=12, **wishes):
    generations = llm.generate(prompts, max_tokens=max_tokens, **wishes)
    assert [generation.error for generation in generations] == [None] * len(prompts)
    return generations


def same(ours, theirs):
    """Equal texts, lengths and ends; log-probabilities to the rounding of sums made in another order."""
    for mine, wanted in zip(ours, theirs, strict=True):
        assert (mine.text, mine.finish_reason) == (wanted.text, wanted.finish_reason)
        assert mine.logprobs.spans == wanted.logprobs.spans
        assert mine.logprobs.values == pytest.approx(wanted.logprobs.values, abs=1e-4)


def test_it_is_an_engine(engine, tiny_llm_folder):
    llm = engine()
    assert isinstance(llm, LLM)
    assert llm.window == 512
    assert llm.tokenizer.count("the") == 1
    assert engine(window=100).window == 100


def test_greedy_answers_are_those_of_transformers(engine):
    import torch

    llm = engine()
    for prompt, generation in zip(PROMPTS, ask(llm, logprobs=True), strict=True):
        ids = llm._chat.codec(llm._chat.render(prompt), add_special_tokens=False, return_tensors="pt")
        out = llm._model.generate(
            **ids, max_new_tokens=12, do_sample=False, output_scores=True, return_dict_in_generate=True
        )
        new = out.sequences[0, ids["input_ids"].shape[1] :]
        scores = [float(torch.log_softmax(s[0], -1)[t]) for s, t in zip(out.scores, new, strict=True)]
        assert generation.text == llm._chat.codec.decode(new, skip_special_tokens=True).strip()
        words = [
            llm._chat.codec.decode(new[: i + 1], skip_special_tokens=True).strip() for i in range(len(new))
        ]
        said = [score for score, word in zip(scores, words, strict=True) if word]
        assert generation.logprobs.values == pytest.approx(said[: len(generation.logprobs.values)], abs=1e-4)
        assert words[len(scores) - len(said) :][len(generation.logprobs.values) - 1] == generation.text


def test_a_kept_prefix_changes_nothing_but_the_cost(engine):
    kept, fresh = ask(engine(), logprobs=True), ask(engine(keep_prefix=False), logprobs=True)
    same(kept, fresh)
    assert [g.usage.cached_tokens for g in fresh] == [0, 0, 0]
    assert kept[0].usage.cached_tokens == 0
    for mine, wanted in zip(kept, fresh, strict=True):
        assert mine.usage.prompt_tokens == wanted.usage.prompt_tokens
        assert mine.usage.output_tokens == wanted.usage.output_tokens


def test_cached_tokens_are_what_the_last_prompt_shares(engine):
    llm = engine()
    first, second, third = ask(llm)
    before = llm._chat.render(PROMPTS[0]).partition("Who?")[0]
    shared = len(llm._chat.codec(before)["input_ids"])
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens == shared + len("Wh")
    assert third.usage.cached_tokens == shared + len("Wh")
    assert second.usage.prompt_tokens == llm.count(PROMPTS[1])


def test_the_same_prompt_again_computes_only_its_last_token(engine):
    llm = engine()
    first, second = ask(llm, [PROMPTS[0]] * 2, logprobs=True)
    same([second], [first])
    assert second.usage.cached_tokens == first.usage.prompt_tokens - 1


def test_a_prompt_that_goes_on_where_the_last_ended(engine):
    """All of the cache is kept, answer included: nothing is cut off."""
    llm, fresh = engine(template="plain"), engine(template="plain", keep_prefix=False)
    [short] = ask(llm, [Prompt("the cat", " and")], max_tokens=1)
    longer = Prompt("the cat", " and the dog")
    same(ask(llm, [longer], logprobs=True), ask(fresh, [longer], logprobs=True))
    [again] = ask(llm, [Prompt("the cat", " and the dog saw")], max_tokens=1)
    assert again.usage.cached_tokens == llm.count(longer)
    assert short.usage.output_tokens == 1


def test_the_cache_is_cut_back_between_documents(engine):
    llm, fresh = engine(), engine(keep_prefix=False)
    mixed = [PROMPTS[0], Prompt(OTHER, "Who?", "sys"), PROMPTS[1], Prompt("", "Who?"), PROMPTS[1]]
    same(ask(llm, mixed, logprobs=True), ask(fresh, mixed, logprobs=True))
    assert llm._strip.columns <= llm.window


def test_the_cache_is_kept_between_calls(engine):
    llm = engine()
    ask(llm, PROMPTS[:1])
    [second] = ask(llm, PROMPTS[1:2])
    assert second.usage.cached_tokens > 100


@pytest.mark.parametrize("step", [1, 7, 64, 1000])
def test_prefill_steps_of_any_size_give_the_same_answer(engine, step):
    same(ask(engine(prefill_step=step), logprobs=True), ask(engine(), logprobs=True))


def test_a_cache_that_outgrows_its_room_gives_the_same_answer(engine, monkeypatch):
    wanted = ask(engine(), logprobs=True)
    monkeypatch.setattr(growing_layer, "BLOCK", 8)
    same(ask(engine(prefill_step=5), logprobs=True), wanted)


@pytest.mark.parametrize("most", [1, 8])
def test_a_failure_in_the_middle_does_not_spoil_the_cache(engine, monkeypatch, most):
    """Layers fill one after the other, so a failure leaves some of them longer than others."""
    llm = engine(side_by_side=most)
    [wanted] = ask(llm, PROMPTS[:1], logprobs=True)
    layer = llm._model.model.layers[1]

    def fail(*args, **kwargs):
        raise failure

    for failure in (RuntimeError("out of memory"), KeyError("x"), KeyboardInterrupt()):
        with monkeypatch.context() as patch:
            patch.setattr(layer, "forward", fail)
            if isinstance(failure, RuntimeError):
                [failed] = llm.generate(PROMPTS[1:2], max_tokens=3)
                assert failed.error == "RuntimeError: out of memory"
            else:
                with pytest.raises(type(failure)):
                    llm.generate(PROMPTS[1:2], max_tokens=3)
        same(ask(llm, PROMPTS[:1], logprobs=True), [wanted])


def test_stop_strings(engine):
    [whole] = ask(engine(), PROMPTS[:1])
    middle = whole.text[len(whole.text) // 2]
    [cut] = ask(engine(), PROMPTS[:1], stop=["never in it", middle])
    assert cut.text == whole.text[: whole.text.index(middle)].strip()
    assert cut.finish_reason == "stop"
    assert cut.usage.output_tokens < whole.usage.output_tokens


@pytest.mark.parametrize("max_tokens", [1, 2, 9])
def test_the_answer_ends_at_max_tokens(engine, max_tokens):
    for generation in ask(engine(), max_tokens=max_tokens, logprobs=True):
        assert generation.finish_reason == "length"
        assert generation.usage.output_tokens == max_tokens
        assert len(generation.logprobs.values) <= max_tokens


def test_the_answer_ends_at_an_end_token(engine):
    llm = engine(side_by_side=1)
    [first] = llm.generate(PROMPTS[:1], max_tokens=6)
    ids = llm._held[first.usage.prompt_tokens :]
    for most in (1, 8):
        llm = engine(side_by_side=most)
        llm.__dict__["_end_tokens"] = frozenset([ids[3]])
        [ended] = ask(llm, PROMPTS[:1], max_tokens=6)
        assert ended.finish_reason == "stop"
        assert ended.usage.output_tokens == ids.index(ids[3]) + 1


def test_the_end_tokens_are_the_tokenizers_and_the_models(engine, changed_folder, tiny_llm_folder):
    assert engine()._end_tokens == {3}
    folder = changed_folder()
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 2]}))
    assert engine(folder)._end_tokens == {1, 2, 3}


def test_no_logprobs_unless_asked_for(engine):
    assert [generation.logprobs for generation in ask(engine())] == [None] * 3
    assert all((generation.logprobs.values <= 0).all() for generation in ask(engine(), logprobs=True))


@pytest.mark.parametrize("max_tokens", [0, -1])
def test_an_answer_of_no_tokens_is_refused(engine, max_tokens):
    with pytest.raises(ValueError, match=f"max_tokens must be at least 1, got {max_tokens}"):
        engine().generate(PROMPTS, max_tokens=max_tokens)


def test_no_prompts_no_generations(engine):
    assert engine().generate([], max_tokens=3) == []


def test_samples_depend_on_the_seed_and_the_prompt_alone(engine):
    warm = engine(temperature=0.8)
    first = ask(warm, seed=5)
    assert [g.text for g in ask(engine(temperature=0.8), PROMPTS[::-1], seed=5)] == [g.text for g in first][
        ::-1
    ]
    assert [g.text for g in ask(warm, seed=6)] != [g.text for g in first]
    assert [g.text for g in ask(warm, seed=5)] == [g.text for g in first]
    assert [g.text for g in first] != [g.text for g in ask(engine())]


def test_a_calls_temperature_goes_before_the_engines(engine):
    warm = [g.text for g in ask(engine(temperature=0.8), seed=5)]
    assert [g.text for g in ask(engine(), temperature=0.8, seed=5)] == warm
    greedy = [g.text for g in ask(engine())]
    assert [g.text for g in ask(engine(temperature=0.8), temperature=0.0, seed=5)] == greedy
    with pytest.raises(ValueError, match=r"temperature must be 0 or more, got -0\.1"):
        ask(engine(), temperature=-0.1)


def test_a_cold_sample_is_the_greedy_answer(engine):
    assert [g.text for g in ask(engine(temperature=1e-3))] == [g.text for g in ask(engine())]


def test_a_prompt_too_long_fails_alone(engine):
    llm = engine()
    wanted = ask(engine())
    first, failed, second = llm.generate([PROMPTS[0], FAR, PROMPTS[1]], max_tokens=12)
    assert (first.text, second.text) == (wanted[0].text, wanted[1].text)
    assert failed.finish_reason == "error"
    assert failed.text == ""
    assert failed.error == (
        f"ContextOverflowError: a prompt of {llm.count(FAR)} tokens and an answer of 12 exceed the window of 512: "
        "take fewer or smaller passages, or a smaller max_tokens"
    )
    assert second.usage.cached_tokens > 100, "the document's keys and values are still good"


def test_the_window_is_filled_to_the_last_token(engine):
    full = engine(window=engine().count(PROMPTS[0]) + 12)
    ask(full, PROMPTS[:1])
    [failed] = full.generate(PROMPTS[:1], max_tokens=13)
    assert "exceed the window" in failed.error


def test_templates(engine):
    prompt = Prompt("Text. ", "Who?", "sys")
    assert engine()._chat.render(prompt) == (
        "<|im_start|>system\nsys<|im_end|>\n<|im_start|>user\nText. Who?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert engine()._chat.render(Prompt("Text. ", "Who?")).startswith("<|im_start|>user\n")
    assert engine(template="plain")._chat.render(prompt) == "sys\n\nText. Who?"
    assert engine(template="plain").count(Prompt("the", "")) == 1


def test_a_template_that_knows_no_system_role(engine, changed_folder, tiny_llm_folder):
    folder = changed_folder()
    template = (folder / "chat_template.jinja").read_text()
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    (folder / "chat_template.jinja").write_text(refusing + template)
    llm = engine(folder)
    assert llm._chat.render(Prompt("Text. ", "Who?", "sys")).startswith("<|im_start|>user\nsys\n\nText. Who?")
    assert llm._chat.render(Prompt("Text. ", "Who?")).startswith("<|im_start|>user\nText. Who?")


def test_a_model_without_a_chat_template(engine, changed_folder):
    folder = changed_folder()
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UnsupportedError, match=r"has no chat template: set template = 'plain'"):
        engine(folder).generate(PROMPTS, max_tokens=3)
    ask(engine(folder, template="plain"), max_tokens=3)


def test_an_empty_plain_prompt_is_an_error_of_its_own(engine):
    [empty, fine] = engine(template="plain").generate([Prompt("", ""), Prompt("the", "")], max_tokens=3)
    assert "the prompt is empty" in empty.error
    assert fine.error is None


def test_a_schema_is_refused(engine):
    with pytest.raises(UnsupportedError, match="cannot follow a schema"):
        engine().generate(PROMPTS, max_tokens=3, schema={})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"window": 513},
            r"window must be in \[1, 512\], .*; got 513; to go beyond, set rope = 'yarn' and rope_factor = 2$",
        ),
        ({"window": 0}, r"window must be in \[1, 512\], .*; got 0$"),
        ({"prefill_step": 0}, "prefill_step must be at least 1, got 0"),
        ({"temperature": -0.1}, "temperature must not be negative, got -0.1"),
        ({"template": "chatml"}, "template must be 'chat' or 'plain', got 'chatml'"),
        ({"dtype": "int4"}, "dtype must be auto, float32, bfloat16 or float16, got 'int4'"),
    ],
)
def test_bad_settings(tiny_llm_folder, settings, message):
    with pytest.raises(ValueError, match=message):
        HfLLM(str(tiny_llm_folder), **settings)


def test_layers_that_forget_are_not_cut_back(engine, changed_folder, caplog):
    folder = changed_folder(model_type="mistral", architectures=["MistralForCausalLM"], sliding_window=16)
    with caplog.at_level(logging.WARNING, "rlc"):
        generations = ask(engine(folder), logprobs=True)
    assert [generation.usage.cached_tokens for generation in generations] == [0, 0, 0]
    assert [record.getMessage() for record in caplog.records if "no prefix is kept" in record.getMessage()]
    same(generations, ask(engine(folder, keep_prefix=False), logprobs=True))
    assert [g.text for g in generations] != [g.text for g in ask(engine())], "the window does slide"


def test_folders_that_hold_no_model(tmp_path, changed_folder):
    with pytest.raises(WeightsError, match=r"is not a model folder: it has no config\.json"):
        _ = HfLLM(str(tmp_path)).window
    folder = changed_folder(max_position_embeddings=None)
    with pytest.raises(WeightsError, match="does not state max_position_embeddings"):
        _ = HfLLM(str(folder)).window
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"cannot read .*config\.json"):
        _ = HfLLM(str(folder)).window


def test_damaged_weights(changed_folder):
    folder = changed_folder()
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(EngineUnavailableError, match="cannot load the language model"):
        HfLLM(str(folder), dtype="float32").generate(PROMPTS, max_tokens=3)


def test_an_encoder_is_no_language_model(tiny_folder):
    llm = HfLLM(str(tiny_folder), dtype="float32", template="plain")
    with pytest.raises(EngineUnavailableError, match="lack 6 of the weights that BertLMHeadModel needs"):
        llm.generate([Prompt("the", "mill")], max_tokens=3)


def test_a_folder_without_its_tokenizer(changed_folder):
    folder = changed_folder()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match="cannot load the tokenizer"):
        HfLLM(str(folder), dtype="float32").generate(PROMPTS, max_tokens=3)


def test_seconds_add_up(engine):
    for generation in ask(engine(side_by_side=1)):
        usage = generation.usage
        assert usage.first_token_seconds == usage.prefill_seconds > 0
        assert usage.seconds == pytest.approx(usage.prefill_seconds + usage.decode_seconds)


def test_bfloat16_runs(engine, tiny_llm_folder):
    llm = HfLLM(str(tiny_llm_folder), dtype="bfloat16", device="cpu")
    ask(llm, max_tokens=3, logprobs=True)


@pytest.mark.parametrize("context", ["Who? ", ""])
def test_logprobs_of_given_texts_are_those_of_the_models_own_forward_pass(engine, context):
    import torch

    llm = engine()
    assert isinstance(llm, Scorer)
    codec = llm._chat.codec
    before, text = (codec(t, add_special_tokens=False)["input_ids"] for t in (context, DOCUMENT))
    before = before or [codec.bos_token_id]
    with torch.inference_mode():
        likely = llm._model(torch.tensor([before + text])).logits[0].log_softmax(-1)
    wanted = [float(likely[len(before) + i - 1, token]) for i, token in enumerate(text)]
    ask(llm)
    held = list(llm._held)
    found, empty = llm.logprobs([context, context], [DOCUMENT, ""])
    assert found.values.tolist() == pytest.approx(wanted, abs=1e-4)
    assert "".join(DOCUMENT[start:end] for start, end in found.spans) == DOCUMENT
    assert empty.spans == []
    assert llm._held == held, "the prefix that generate keeps is left alone"


def test_what_cannot_be_scored(engine):
    with pytest.raises(ContextOverflowError, match="cut smaller passages"):
        engine().logprobs(["x" * 600], ["Who?"])
    with pytest.raises(ValueError, match="shorter"):
        engine().logprobs(["a", "b"], ["c"])


def test_a_stretched_model_reads_beyond_its_window_with_the_frequencies_that_rope_says(tiny_llm_folder):
    plain = HfLLM(str(tiny_llm_folder), device="cpu", dtype="float32")
    wide = HfLLM(str(tiny_llm_folder), device="cpu", dtype="float32", rope="linear", rope_factor=2)
    assert wide.window == 2 * plain.window
    turns, wider = (engine._model.model.rotary_emb.inv_freq for engine in (plain, wide))
    assert (wider * 2).tolist() == pytest.approx(turns.tolist())
    prompt = Prompt("All that stands here is read. " * 30, "What?")
    assert plain.window < wide.count(prompt) < wide.window - 4
    [beyond], [refused] = (engine.generate([prompt], max_tokens=4) for engine in (wide, plain))
    assert beyond.error is None
    assert "exceed the window" in refused.error
    with pytest.raises(ValueError, match="take 'ntk'"):
        HfLLM(str(tiny_llm_folder), rope="dynamic", rope_factor=2)


def test_an_answer_goes_on_from_the_reply_it_is_given(engine):
    llm = engine()
    [prompt, *_] = PROMPTS
    [whole] = llm.generate([prompt], max_tokens=6)
    first = whole.text[: len(whole.text) // 2]
    [rest] = llm.generate([replace(prompt, reply=first)], max_tokens=6)
    assert rest.error is None
    assert rest.usage.prompt_tokens > llm.count(prompt)
    assert rest.usage.prompt_tokens == llm.count(replace(prompt, reply=first))


def test_usage_says_how_large_the_keys_and_values_of_the_prompt_are(tiny_llm_folder):
    llm = HfLLM(str(tiny_llm_folder), dtype="float32", device="cpu")
    [made] = llm.generate([Prompt("The cat. " * 9, "Why?")], max_tokens=3)
    config = llm._model.config
    a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 4
    assert made.usage.kv_bytes == made.usage.prompt_tokens * a_token


@pytest.mark.parametrize("keep_prefix", [True, False])
def test_options_weigh_what_the_models_own_forward_pass_says(engine, keep_prefix):
    """Side by side on the prompt that is read once, or, where nothing is kept, each after a reading of its own."""
    import torch

    llm = engine(keep_prefix=keep_prefix)
    options = ["the", "the theme", "Nobody knows", "a cat saw it"]
    before, (one,) = ask(llm, PROMPTS[:1], logprobs=True), llm.weigh(PROMPTS[:1], [options])
    ids = llm._chat.encode(PROMPTS[0])
    read = len(ids)
    for option, value in zip(options, one.values, strict=True):
        tokens = llm._chat.codec(option, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = llm._model(torch.tensor([ids + tokens])).logits[0, len(ids) - 1 : -1].float()
        wanted = logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None]).sum()
        assert value == pytest.approx(float(wanted), abs=1e-4)
        read += len(tokens) - 1
    assert (one.usage.prompt_tokens, one.usage.output_tokens) == (read, 0)
    assert (one.usage.cached_tokens > 100) == keep_prefix, "the prompt was read before"
    same(ask(llm, PROMPTS[:1], logprobs=True), before)


def test_prompts_on_one_document_are_weighed_next_to_each_other(engine):
    other = Prompt(OTHER, "Who?", "sys")
    first, _, last = engine().weigh([PROMPTS[0], other, PROMPTS[1]], [["a"], ["the"], ["a"]])
    assert (first.usage.cached_tokens, last.usage.cached_tokens > 100) == (0, True)


def test_options_that_cannot_be_weighed(engine):
    llm = engine()
    with pytest.raises(ValueError, match=r"none of them empty, got \['a', ''\]"):
        llm.weigh(PROMPTS[:1], [["a", ""]])
    with pytest.raises(ValueError, match="zip"):
        llm.weigh(PROMPTS, [["a"]])
    with pytest.raises(ContextOverflowError, match="exceed the window of 512"):
        llm.weigh([FAR], [["a"]])
