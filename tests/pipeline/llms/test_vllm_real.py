"""A real vLLM on whatever device it has, over SmolLM2: `make test-vllm`. One engine answers for the module."""

import json
import math
import os
import subprocess
import sys
import threading
import time
from importlib.util import find_spec

import pytest

from rlc.data.protocols import Prompt
from rlc.pipeline.llms.support.names import local_or_hub
from rlc.pipeline.llms.support.rope import METHODS
from rlc.pipeline.llms.support.vllm_arguments import arguments
from rlc.pipeline.llms.vllm import VllmLLM

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.weights,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here: make test-vllm"),
    pytest.mark.skipif(
        not isinstance(local_or_hub("smollm2"), os.PathLike), reason="no SmolLM2 here: make weights"
    ),
]

SETTINGS = {"window": 2048, "dtype": "float32", "cuda_graphs": False}
DOCUMENT = "The lamp was lit in 1871. Ada keeps the lamp. The harbour has 12 boats. " * 20
PROMPTS = [
    Prompt(DOCUMENT, f"\n\nQuestion: {question}", "Answer shortly.")
    for question in ("Who keeps the lamp?", "When was the lamp lit?", "How many boats has the harbour?")
]
SCHEMA = {
    "type": "object", "required": ["name"], "additionalProperties": False,
    "properties": {"name": {"type": "string", "maxLength": 8}},
}  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    engine = VllmLLM("smollm2", **SETTINGS)
    yield engine
    engine.close()


def test_a_document_is_read_once_and_paid_for_by_its_first_question(engine):
    engine.generate([Prompt("", "Hello?")], max_tokens=1)
    started = time.perf_counter()
    fresh = engine.generate(PROMPTS, max_tokens=12)
    wall = time.perf_counter() - started
    again = engine.generate(PROMPTS, max_tokens=12)
    assert [a.error for a in fresh] == [None] * 3
    assert [a.text for a in again] == [a.text for a in fresh]
    first, *further = (a.usage for a in fresh)
    assert first.cached_tokens == 0
    # Whole blocks are kept, which on a processor have 128 tokens: 384 of 506.
    assert all(u.cached_tokens > 0.7 * u.prompt_tokens for u in (*further, *(a.usage for a in again)))
    assert sum(a.usage.seconds for a in fresh) <= wall <= sum(a.usage.latency for a in fresh)
    assert first.seconds > max(u.seconds for u in further)


def test_it_weighs_as_the_same_weights_do_in_transformers(engine):
    from rlc.pipeline.llms.hf import HfLLM

    options = [["Ada", "Ada keeps it", "The lamp"], [" 1871", " 1872", " -1"], ["12"]]
    told = engine.weigh(PROMPTS, options)
    same = HfLLM("smollm2", window=2048, dtype="float32", device="cpu").weigh(PROMPTS, options)
    for mine, its in zip(told, same, strict=True):
        assert mine.values == pytest.approx(its.values, abs=1e-2)
        assert mine.usage.prompt_tokens == its.usage.prompt_tokens
    [again] = engine.weigh(PROMPTS[:1], [["The"]])
    assert again.usage.cached_tokens > 0.7 * again.usage.prompt_tokens, "the document stays read"


def test_it_says_what_the_same_weights_say_in_transformers(engine):
    from rlc.pipeline.llms.hf import HfLLM

    told = engine.generate(PROMPTS, max_tokens=8, logprobs=True)
    same = HfLLM("smollm2", window=2048, dtype="float32", device="cpu").generate(
        PROMPTS, max_tokens=8, logprobs=True
    )
    assert [a.text for a in told] == [a.text for a in same]
    for mine, its in zip(told, same, strict=True):
        assert mine.logprobs.spans == its.logprobs.spans
        assert mine.logprobs.values == pytest.approx(its.logprobs.values, abs=1e-2)
        assert mine.usage.prompt_tokens == its.usage.prompt_tokens


def test_schema_stop_and_window(engine):
    [made] = engine.generate([Prompt("", "A person, as JSON.")], max_tokens=40, schema=SCHEMA)
    assert set(json.loads(made.text)) == {"name"}
    [whole] = engine.generate(PROMPTS[:1], max_tokens=12)
    word = whole.text.split()[1]
    [cut] = engine.generate(PROMPTS[:1], max_tokens=12, stop=[word])
    assert (cut.text, cut.finish_reason) == (whole.text[: whole.text.index(word)].strip(), "stop")
    long, short = engine.generate([Prompt(DOCUMENT * 9, "Who?"), PROMPTS[0]], max_tokens=12)
    assert "does not fit" in long.error
    assert short.text == whole.text


def test_what_it_says_of_itself(engine):
    engine.generate(PROMPTS[:1], max_tokens=1)
    assert engine.loaded["cache_tokens"] > 2048
    assert engine.loaded["device"]
    assert engine.loaded["version"].split(".")[0].isdigit()


@pytest.mark.parametrize("method", METHODS)
def test_a_stretched_window_and_its_turns(method):
    """What vLLM makes of our entries, without loading: the window, and cosines as transformers makes them."""
    from transformers import AutoConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.engine.arg_utils import EngineArgs
    from vllm.model_executor.layers.rotary_embedding import get_rope

    llm = VllmLLM("smollm2", rope=method, rope_factor=2.0, dtype="float32")
    given = arguments(llm._settings, str(local_or_hub("smollm2")), llm._config)
    model = EngineArgs(**given).create_model_config()
    assert model.max_model_len == llm.window == 16_384
    config = model.hf_config
    with set_current_vllm_config(VllmConfig()):
        turned = get_rope(64, config.max_position_embeddings, True, config.rope_parameters)
    own = LlamaRotaryEmbedding(AutoConfig.for_model(**{**llm._config, **given["hf_overrides"]}))
    place = 10_000
    cosines = [math.cos(place * f) * own.attention_scaling for f in own.inv_freq.tolist()]
    assert turned.cos_sin_cache[place, :32].tolist() == pytest.approx(cosines, abs=5e-3)


def test_every_argument_is_vllms():
    from vllm.engine.arg_utils import EngineArgs

    llm = VllmLLM(
        "smollm2", window=512, kv_folder="kept", kv_offload_gib=1, rope="yarn", rope_factor=2, revision="main",
        prefill_budget=512, max_sequences=4, quantization="fp8", speculative={"method": "ngram"},
    )  # fmt: skip
    known = set(EngineArgs.__dataclass_fields__) | {"model"}
    assert set(arguments(llm._settings, "place", llm._config)) <= known


def test_an_engine_killed_at_work_fails_its_rows_and_is_started_again(engine):
    engine.generate(PROMPTS[:1], max_tokens=1)
    pid = engine._child.pid
    threading.Timer(1.5, os.kill, (pid, 9)).start()
    lost = engine.generate([Prompt(DOCUMENT, f"Tell {i} stories.") for i in range(64)], max_tokens=900)
    assert all("SIGKILL" in a.error for a in lost)
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    [again] = engine.generate(PROMPTS[:1], max_tokens=4)
    assert again.error is None
    pid = engine._child.pid
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_compare_from_the_command_line(tmp_path):
    settings = [f"parts.llm.{key}={json.dumps(value)}" for key, value in SETTINGS.items()]
    command = [
        *(sys.executable, "-c", "from rlc.experiments.cli.main import main; main()", "compare"),
        *("--dataset", "sample", "--model", "vllm:smollm2", "--limit", "2", "--no-track", "--out", str(tmp_path)),
        *(word for setting in settings for word in ("--set", setting)),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "long" in done.stdout
    assert "rag" in done.stdout
