import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rlc.data.errors import ContextOverflowError, EngineUnavailableError, MissingExtraError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt
from rlc.pipeline.gpu_machine import MACHINES
from rlc.pipeline.llms.support.vllm_arguments import arguments, cascade_least, environment
from rlc.pipeline.llms.vllm import VllmLLM


@pytest.fixture
def engine(place, tiny_llm_folder):
    engine = VllmLLM(str(tiny_llm_folder))
    yield engine
    engine.close()


DOCUMENT = "Anna lives in Paris. She has two cats and a red bicycle that she rides to work. " * 4
ONE, TWO = (Prompt(DOCUMENT, f"Question {i}?", "You are helpful.") for i in (1, 2))
OTHER = Prompt(DOCUMENT.replace("Anna", "Boris"), "Question 3?", "You are helpful.")


def test_it_is_an_engine(engine):
    assert isinstance(engine, LLM)
    assert engine.window == 512
    [answer] = engine.generate([ONE], max_tokens=4, stop=["~"])
    assert answer.text == f"0 of {engine.count(ONE)}"
    assert answer.finish_reason == "length"
    assert answer.logprobs is None
    usage = answer.usage
    assert usage.queue_seconds == pytest.approx(1)
    assert usage.first_token_seconds == 3.5
    # Whatever vLLM's clocks say, nobody waited longer than the call.
    assert usage.latency_seconds == pytest.approx(usage.seconds)
    assert usage.seconds == usage.prefill_seconds + usage.decode_seconds < 1
    assert usage.prompt_tokens == engine.count(ONE)
    assert usage.output_tokens == 2
    assert engine.loaded["version"] == "0.25.1"
    assert engine.loaded["cache_tokens"] == 4096


def test_questions_on_one_document_stand_together_and_answers_keep_their_order(engine):
    one, other, two = engine.generate([ONE, OTHER, TWO], max_tokens=4)
    assert one.usage.cached_tokens == 0
    assert two.usage.cached_tokens > 256  # all of the document but its last block
    assert [a.usage.prompt_tokens for a in (one, other, two)] == [engine.count(p) for p in (ONE, OTHER, TWO)]


def test_a_call_is_charged_once_and_most_of_it_to_the_question_that_read_the_document(
    place, tiny_llm_folder, monkeypatch
):
    monkeypatch.setenv("FAKE_VLLM_SECONDS", "0.1")
    engine = VllmLLM(str(tiny_llm_folder))
    engine.generate([Prompt("", "Warm?")], max_tokens=1)
    started = time.perf_counter()
    one, two = (answer.usage for answer in engine.generate([ONE, TWO], max_tokens=4))
    wall = time.perf_counter() - started
    engine.close()
    assert 0.1 <= one.seconds + two.seconds <= wall <= one.latency + two.latency
    assert one.seconds > 5 * two.seconds


def test_documents_with_many_questions_are_a_call_of_their_own(place, tiny_llm_folder):
    backend = place / "vllm" / "v1" / "attention" / "backends"
    backend.mkdir(parents=True)
    (backend / "flash_attn.py").write_text("def cascade_attention():\n    ...\n")
    engine = VllmLLM(str(tiny_llm_folder))
    least = engine._cascade_least
    assert least == 67  # two key heads
    few = engine.generate([ONE, TWO], max_tokens=2, stop=["~"])
    assert engine.loaded["cascade"] is False
    engine.close()
    many = [Prompt(DOCUMENT, f"Question {i}?", "You are helpful.") for i in range(least)]
    answers = engine.generate([*many, OTHER], max_tokens=2, stop=["~"])
    assert engine.loaded["cascade"] is True
    assert [a.usage.prompt_tokens for a in answers] == [engine.count(p) for p in [*many, OTHER]]
    assert answers[1].text == few[0].text.replace("0 of", f"{answers[1].usage.cached_tokens} of")
    engine.close()
    never = VllmLLM(str(tiny_llm_folder), cascade=False)
    never.generate(many, max_tokens=2)
    never.close()
    assert never.loaded["cascade"] is False


def test_a_version_without_cascade_says_so(place, tiny_llm_folder):
    with pytest.raises(
        EngineUnavailableError, match=r"vLLM 0.25.1 has no cascade attention here.*constraints-gpu"
    ):
        VllmLLM(str(tiny_llm_folder), cascade=True).generate([ONE], max_tokens=2)


def test_what_vllm_does_not_take_is_said_in_its_words(place, tiny_llm_folder):
    with pytest.raises(
        EngineUnavailableError, match=r"does not take these settings: cache_dtype: Input should be"
    ):
        VllmLLM(str(tiny_llm_folder), kv_cache_dtype="int3").generate([ONE], max_tokens=2)


def test_where_no_stop_is_given_the_text_is_made_here(engine):
    """Not by vLLM, which would first turn the whole prompt back into text."""
    [answer] = engine.generate([ONE], max_tokens=2)
    assert answer.text == engine._chat.decode(engine._chat.encode(ONE)[-2:]).strip()


def test_nothing_to_do_starts_nothing(engine):
    assert engine.generate([], max_tokens=4) == []
    assert engine.loaded == {}


def test_prompts_of_one_call_have_seeds_of_their_own(engine, monkeypatch):
    asked = []
    exchange = VllmLLM._exchange

    def watched(self, child, links, sampling, each=()):
        asked.append([{**sampling, **own}["seed"] for own in each] or sampling["seed"])
        return exchange(self, child, links, sampling, each)

    monkeypatch.setattr(VllmLLM, "_exchange", watched)
    long = replace(ONE, prefix="x" * 600, seed=5)
    answers = engine.generate([replace(ONE, seed=7), OTHER, long, replace(ONE, seed=8)], max_tokens=4, seed=2)
    assert [answer.error is None for answer in answers] == [True, True, False, True]
    assert asked == [[7, 8, 2]], (
        "those on one document stand together, and one that does not fit is not asked"
    )
    engine.generate([ONE, TWO], max_tokens=4, seed=2)
    assert asked[1:] == [2]


def test_a_calls_temperature_goes_before_the_engines(engine, monkeypatch):
    told = []
    monkeypatch.setattr(engine, "generate_ids", lambda ids, sampling, each: told.append(sampling) or [None])
    engine.generate([ONE], max_tokens=2, temperature=0.7, seed=3)
    engine.generate([ONE], max_tokens=2)
    assert [(one["temperature"], one["seed"]) for one in told] == [(0.7, 3), (0.0, 0)]


def test_logprobs_where_asked(engine):
    [answer] = engine.generate([ONE], max_tokens=2, logprobs=True)
    assert set(answer.logprobs.values) == {-0.5}
    assert "".join(answer.text[a:b] for a, b in answer.logprobs.spans) == answer.text


def test_a_prompt_that_does_not_fit_fails_alone(place, tiny_llm_folder):
    engine = VllmLLM(str(tiny_llm_folder), window=64)
    long, short = engine.generate([ONE, Prompt("", "Who?")], max_tokens=8)
    engine.close()
    assert "does not fit" in long.error
    assert short.error is None


SAMPLING = {"max_tokens": 4, "temperature": 0.0, "logprobs": None, "schema": None}


def test_what_vllm_refuses_is_a_failed_row_and_the_engine_lives(engine):
    [refused] = engine.generate_ids([[1, 13, 2]], SAMPLING)
    pid = engine._child.pid
    [fine] = engine.generate_ids([[1, 2, 3]], SAMPLING)
    assert "token 13 is not allowed" in refused.error
    assert fine.error is None
    assert engine._child.pid == pid


def test_a_dead_engine_fails_the_rows_in_flight_and_starts_once_more(engine):
    first, second = engine.generate_ids([[1, 2, 3], [666]], SAMPLING)
    assert "CUDA out of memory" in first.error
    assert second.error == first.error
    [again] = engine.generate_ids([[1, 2, 3]], SAMPLING)
    assert again.error is None
    engine.generate_ids([[666]], SAMPLING)
    with pytest.raises(EngineUnavailableError, match="died twice"):
        engine.generate_ids([[1, 2, 3]], SAMPLING)


def test_a_killed_process_is_noticed_and_leaves_nothing_behind(engine):
    engine.generate_ids([[1, 2, 3]], SAMPLING)
    pid = engine._child.pid
    os.kill(pid, signal.SIGKILL)
    [lost] = engine.generate_ids([[1, 2, 3]], SAMPLING)
    assert "SIGKILL" in lost.error
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_closing_ends_the_process(engine):
    engine.generate_ids([[1, 2, 3]], SAMPLING)
    pid, started = engine._child.pid, time.monotonic()
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    assert time.monotonic() - started < 8  # it left by itself


def test_smaller_settings_after_running_out_of_memory(place, tiny_llm_folder, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM_LOAD", "oom")
    with pytest.raises(EngineUnavailableError, match=r"CUDA out of memory.*rlc plan"):
        VllmLLM(str(tiny_llm_folder)).generate([ONE], max_tokens=4)
    engine = VllmLLM(str(tiny_llm_folder), after_crash={"gpu_memory": 0.4})
    [answer] = engine.generate([ONE], max_tokens=4)
    engine.close()
    assert answer.error is None


def test_an_engine_that_cannot_start_says_why(place, tiny_llm_folder, monkeypatch):
    monkeypatch.setenv("FAKE_VLLM_LOAD", "die")
    with pytest.raises(EngineUnavailableError, match="exit code 9"):
        VllmLLM(str(tiny_llm_folder)).generate([ONE], max_tokens=4)


def test_no_device_and_no_vllm(place, tiny_llm_folder):
    platforms = place / "vllm" / "platforms.py"
    platforms.write_text(platforms.read_text().replace("False", "True"))
    with pytest.raises(EngineUnavailableError, match="no device that it knows"):
        VllmLLM(str(tiny_llm_folder)).generate([ONE], max_tokens=4)
    (place / "vllm" / "__init__.py").write_text("raise ModuleNotFoundError('no vllm', name='vllm')")
    with pytest.raises(MissingExtraError, match=r"rlc\[gpu\]"):
        VllmLLM(str(tiny_llm_folder)).generate([ONE], max_tokens=4)


def test_settings_reach_vllm(tiny_llm_folder):
    engine = VllmLLM(
        str(tiny_llm_folder), window=1024, rope="yarn", rope_factor=2, kv_cache_dtype="fp8", kv_offload_gib=8,
        tensor_parallel=2, prefill_budget=8192, cuda_graphs=False, extra={"load_format": "dummy"},
    )  # fmt: skip
    given = arguments(engine._settings, "place", engine._config)
    assert given["max_model_len"] == engine.window == 1024
    rope = given["hf_overrides"]["rope_parameters"]
    assert (rope["rope_type"], rope["factor"], rope["original_max_position_embeddings"]) == ("yarn", 2.0, 512)
    assert given["hf_overrides"]["max_position_embeddings"] == 1024
    assert given["kv_cache_dtype"] == "fp8"
    assert given["kv_offloading_size"] == 8
    assert given["tensor_parallel_size"] == 2
    assert given["max_num_batched_tokens"] == 8192
    assert given["enforce_eager"]
    assert given["load_format"] == "dummy"
    assert not {"max_num_seqs", "disable_cascade_attn", "kv_transfer_config"} & set(given)
    whole = VllmLLM(str(tiny_llm_folder), rope="ntk", rope_factor=4)
    assert arguments(whole._settings, "place", whole._config)["max_model_len"] == whole.window == 2048


def test_the_plan_knows_what_extra_says_in_vllms_own_words(tiny_llm_folder):
    def planned(**extra):
        engine = VllmLLM(str(tiny_llm_folder), max_sequences=9, extra=extra)
        return engine.plan([PromptLoad("d", 100, 2)], MACHINES["h100"])

    plain = planned(load_format="dummy")
    aside = planned(kv_cache_memory_bytes=1_000 * int(plain.kv_bytes_per_token))
    assert aside.cache_tokens == 1_000 < plain.cache_tokens
    assert planned(kv_cache_dtype="fp8").kv_bytes_per_token == plain.kv_bytes_per_token / 4  # of float32
    assert planned(gpu_memory_utilization=0.5).cache_tokens < plain.cache_tokens


def test_a_folder_of_read_documents_is_one_for_each_kind_of_keys_and_values(tiny_llm_folder, tmp_path):
    def tier(**settings):
        engine = VllmLLM(str(tiny_llm_folder), kv_folder=str(tmp_path), kv_offload_gib=2, **settings)
        return arguments(engine._settings, "place", engine._config)["kv_transfer_config"][
            "kv_connector_extra_config"
        ]

    plain = tier()
    assert plain["cpu_bytes_to_use"] == 2 * 1024**3
    folders = [
        t["secondary_tiers"][0]["root_dir"]
        for t in (plain, tier(gpu_memory=0.5), tier(rope="ntk", rope_factor=2))
    ]
    assert folders[0] == folders[1] != folders[2]
    assert folders[0].startswith(str(tmp_path))
    seeded = environment(VllmLLM(str(tiny_llm_folder), kv_folder="x", kv_offload_gib=1)._settings)
    assert seeded["PYTHONHASHSEED"] == "0"


@pytest.mark.parametrize(
    ("heads", "kv", "gpus", "least"), [(32, 8, 1, 17), (14, 2, 1, 67), (32, 8, 2, 34), (32, 32, 1, 8)]
)
def test_from_how_many_questions_on_cascade_pays(heads, kv, gpus, least):
    assert cascade_least({"num_attention_heads": heads, "num_key_value_heads": kv}, gpus) == least


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"window": 10_000}, "rope_factor = 20"),
        ({"gpu_memory": 0}, "gpu_memory"),
        ({"kv_folder": "kept"}, "kv_offload_gib"),
        ({"rope": "yarn"}, "go together"),
        ({"rope": "dynamic", "rope_factor": 2}, "ntk"),
        ({"after_crash": {"gpu_memroy": 0.5}}, "gpu_memroy"),
        ({"template": "none"}, "plain"),
    ],
)
def test_bad_settings(tiny_llm_folder, settings, match):
    with pytest.raises(ValueError, match=match):
        VllmLLM(str(tiny_llm_folder), **settings)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_an_engine_that_is_forgotten_ends(engine, place, tiny_llm_folder):
    forgotten = VllmLLM(str(tiny_llm_folder))
    forgotten.generate_ids([[1, 2, 3]], SAMPLING)
    pid = forgotten._child.pid
    del forgotten
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_every_argument_is_known_to_the_version_that_was_measured(tiny_llm_folder):
    """The names of `EngineArgs` in 0.25.1; `make test-vllm` asks the installed version."""
    engine = VllmLLM(
        str(tiny_llm_folder), window=64, kv_folder="kept", kv_offload_gib=1, rope="yarn", rope_factor=2,
        revision="main", prefill_budget=512, max_sequences=4, quantization="fp8", speculative={"method": "ngram"},
    )  # fmt: skip
    known = set(Path(__file__).with_name("vllm-0.25.1-arguments.txt").read_text().split())
    given = arguments(engine._settings, "place", engine._config)
    assert {*given, "disable_cascade_attn"} <= known


def test_options_are_weighed_by_the_tokens_that_may_follow_each_beginning(engine):
    options = [["the theme", "the"], ["a"]]
    both, single = engine.weigh([ONE, OTHER], options)
    codec = engine._chat.codec
    for prompt, some, one in zip([ONE, OTHER], options, [both, single], strict=True):
        read = engine.count(prompt)
        for option, value in zip(some, one.values, strict=True):
            tokens = codec(option, add_special_tokens=False)["input_ids"]
            assert value == -sum(token + read + i for i, token in enumerate(tokens))
    further = len(codec("the theme", add_special_tokens=False)["input_ids"]) - 1
    assert further > 0
    assert both.usage.prompt_tokens == engine.count(ONE) + further, "the prompt counts once"
    assert both.usage.output_tokens == 0
    assert engine.weigh([ONE], [["a"]])[0].usage.cached_tokens > 256
    with pytest.raises(ContextOverflowError, match="do not fit the window of 512"):
        engine.weigh([Prompt("x" * 600, "Who?")], [["a"]])
