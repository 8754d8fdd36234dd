import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.errors import UnsupportedError, UsageError
from rlc.data.loads import PromptLoad
from rlc.pipeline.gpu_cost import (
    ATTENTION_SHARE,
    CASCADE_SECONDS,
    MATRIX_SHARE,
    SEQUENCE_SECONDS,
    STEP_SECONDS,
    Decoder,
    Settings,
    arithmetic_seconds,
    cache_tokens,
    decode_seconds,
    kv_bits,
    plan,
    prefill_seconds,
)
from rlc.pipeline.gpu_machine import MACHINES, Machine, machine_named, measure_machine

LLAMA = Decoder(32, 4096, 14336, 32, 8, 128, 128256, 131072)
H100 = MACHINES["h100"]
TINY = Decoder(
    layers=2, hidden=8, intermediate=16, heads=4, kv_heads=2, head_dimension=2, vocabulary=10, positions=64
)


def test_sizes_by_hand():
    # attention: 8x8 (q) + 2 x 8x4 (k, v) + 8x8 (o) = 192; feed-forward: 3 x 8x16 = 384
    assert TINY.layer_parameters == 2 * (192 + 384)
    assert TINY.parameters == 2 * 576 + 2 * 80
    assert replace(TINY, tied=True).parameters == 2 * 576 + 80
    assert TINY.kv_bytes() == 2 * 2 * 2 * 2 * 2  # keys and values, layers, heads, dimension, bytes
    assert TINY.kv_bytes("fp8_e4m3") == TINY.kv_bytes() / 2
    assert TINY.weight_bytes() == 2 * TINY.parameters
    assert TINY.weight_bytes("fp8") == 2 * 576 + 2 * 160


def test_times_by_hand():
    machine = Machine("m", matrix_rate=1000.0, memory_rate=100.0, memory=1e9)
    # 2 x 1152 x 3 operations in matrices, 2 x 2 x 4 x 2 x 9 in attention
    assert arithmetic_seconds(TINY, machine, 3) == pytest.approx((6912 + 288) / 1000)
    assert prefill_seconds(TINY, machine, 3) == pytest.approx(
        (6912 / MATRIX_SHARE + 288 / ATTENTION_SHARE) / 1000
    )
    one = PromptLoad("d", 10, 1, question_tokens=2, answer_tokens=3)
    kv = 12 * TINY.kv_bytes()
    step = TINY.weight_bytes() / 100 + STEP_SECONDS + 3 * SEQUENCE_SECONDS
    assert decode_seconds(TINY, machine, [one], Settings()) == pytest.approx(3 * (step + kv / 100))
    two = replace(one, questions=2)
    assert decode_seconds(TINY, machine, [two], Settings()) == pytest.approx(3 * (step + 1.65 * kv / 100))


def test_a_shared_document_is_read_once():
    machine = Machine("m", matrix_rate=1000.0, memory_rate=100.0, memory=1e9)
    load = PromptLoad("d", 10, 3, question_tokens=2, answer_tokens=1)
    kv, step = 12 * TINY.kv_bytes(), TINY.weight_bytes() / 100 + STEP_SECONDS + 3 * SEQUENCE_SECONDS
    shared, apart = (decode_seconds(TINY, machine, [load], Settings(cascade_least=n)) for n in (3, 4))
    assert shared == pytest.approx(step + CASCADE_SECONDS + kv / 100)
    assert apart == pytest.approx(step + (1 + 0.65 * 2) * kv / 100)
    others = [load, replace(load, document="e", questions=1)]
    assert decode_seconds(TINY, machine, others, Settings(cascade_least=3)) == pytest.approx(
        step + (1 + 0.65 * 2) * kv / 100 + kv / 100
    )
    # Documents of enough questions are a call of their own, whatever else is asked with them.
    many = [replace(load, document=name) for name in "abc"]
    once, four = (plan(TINY, machine, many, Settings(cascade_least=3), per_batch=n) for n in (1, 4))
    assert once.seconds == four.seconds


def test_an_h200_as_it_was_measured():
    """2026-11-30, vLLM 0.25.1, 8B shape, 64 new tokens: seconds of a question, the last one with cascade."""
    card = MACHINES["h200"]
    for tokens, documents, questions, seconds in (
        (32_768, 5, 1, 1.346), (32_768, 6, 10, 0.1818), (32_768, 4, 24, 0.1059), (120_000, 4, 10, 1.108),
        (3_000, 120, 1, 0.084),
    ):  # fmt: skip
        loads = [PromptLoad(str(i), tokens, questions) for i in range(documents)]
        planned = plan(LLAMA, card, loads, Settings(), together=True).question_seconds
        assert planned == pytest.approx(seconds, rel=0.12)
    alone = [PromptLoad(str(i), 32_768, 24) for i in range(4)]
    shared = plan(LLAMA, card, alone, Settings(cascade_least=17), per_batch=8).question_seconds
    assert shared == pytest.approx(0.0886, rel=0.1)


def test_numbers_of_the_cache():
    sizes = {
        name: kv_bits(name) for name in ("bfloat16", "fp8_e5m2", "int4_per_token_head", "turboquant_k8v4")
    }
    assert sizes == {"bfloat16": 16, "fp8_e5m2": 8, "int4_per_token_head": 4, "turboquant_k8v4": 6}
    assert kv_bits("nvfp4_4over6") == 4.5
    with pytest.raises(UnsupportedError, match="int3"):
        kv_bits("int3")


def test_an_8b_llama_on_an_h100_as_it_was_measured():
    """2026-11-23, vLLM 0.25.1: 444,528 tokens of cache; 1.21 s and 8.90 s of cold prefill; 184.6 ms a question."""
    assert LLAMA.parameters == pytest.approx(8.03e9, rel=0.01)
    assert LLAMA.kv_bytes() == 128 * 1024
    assert cache_tokens(LLAMA, H100, Settings()) == pytest.approx(444_528, rel=0.1)
    assert prefill_seconds(LLAMA, H100, 32_828) == pytest.approx(1.21, rel=0.25)
    assert prefill_seconds(LLAMA, H100, 120_060) == pytest.approx(8.90, rel=0.25)
    grouped = plan(LLAMA, H100, [PromptLoad("d", 32_768, 10)] * 24, Settings(), together=True)
    assert grouped.question_seconds == pytest.approx(0.1846, rel=0.25)


def test_what_does_not_fit_comes_with_settings_that_would():
    fits = plan(LLAMA, H100, [PromptLoad("a", 100_000, 10)], Settings())
    assert fits.fits
    assert fits.advice == ()
    assert fits.window == 100_124
    beyond = plan(LLAMA, H100, [PromptLoad("a", 200_000, 10)], Settings())
    assert not beyond.fits
    assert "rope_factor = 2" in beyond.advice[0]
    small = replace(H100, memory=24e9)
    crowded = plan(LLAMA, small, [PromptLoad("a", 40_000, 10)], Settings())
    assert not crowded.fits
    assert "fp8" in crowded.advice[0]
    assert (
        "smaller model"
        in plan(LLAMA, replace(H100, memory=1e9), [PromptLoad("a", 40_000, 10)], Settings()).advice[0]
    )


def test_order_keeps_the_questions_of_a_document_together():
    order = plan(
        LLAMA, H100, [PromptLoad("b", 9, 1), PromptLoad("a", 9, 1), PromptLoad("b", 9, 1)], Settings()
    ).order
    assert order == ("b", "a")


@given(tokens=st.integers(1000, 100_000), questions=st.integers(2, 40))
def test_laws(tokens, questions):
    readings = [PromptLoad("d", tokens, questions)]
    once, again = (plan(LLAMA, H100, readings, Settings(keep_prefix=keep)) for keep in (True, False))
    assert once.seconds < again.seconds
    assert once.further_seconds < once.question_seconds < once.first_seconds
    assert once.questions == questions
    mean = once.first_seconds / questions + (1 - 1 / questions) * once.further_seconds
    assert mean == pytest.approx(once.question_seconds)
    side_by_side = plan(LLAMA, H100, readings * 4, Settings(), together=True)
    assert side_by_side.seconds <= plan(LLAMA, H100, readings * 4, Settings()).seconds * (1 + 1e-9)
    one, two, all_ = (plan(LLAMA, H100, readings * 4, Settings(), per_batch=n).seconds for n in (1, 2, 9))
    assert side_by_side.seconds == all_ <= two * (1 + 1e-9)
    assert two <= one * (1 + 1e-9)
    fp8 = Settings(kv_cache_dtype="fp8")
    assert cache_tokens(LLAMA, H100, fp8) > cache_tokens(LLAMA, H100, Settings())


def test_configurations():
    config = {
        "num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 10, "max_position_embeddings": 64, "torch_dtype": "bfloat16",
    }  # fmt: skip
    assert Decoder.from_config(config) == TINY
    with pytest.raises(UnsupportedError, match="num_experts"):
        Decoder.from_config(config | {"num_experts": 8})
    with pytest.raises(UnsupportedError, match="sliding_attention"):
        Decoder.from_config(config | {"layer_types": ["sliding_attention", "full_attention"]})


def test_measuring_needs_a_gpu():
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UnsupportedError, match="h100"):
        measure_machine()


def test_machines(tmp_path):
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps(asdict(MACHINES["h200"])))
    assert machine_named(str(file)) == machine_named("h200")
    with pytest.raises(UsageError, match="h100"):
        machine_named("h10")
    file.write_text("{}")
    with pytest.raises(UsageError, match="memory_rate"):
        machine_named(str(file))


def test_bytes_set_aside_for_the_cache_are_the_cache():
    token = 128 * 1024  # 2 x 32 layers x 8 heads x 128 numbers x 2 bytes
    aside = Settings(kv_cache_memory_bytes=198_000 * token)
    assert cache_tokens(LLAMA, H100, aside) == 198_000 < cache_tokens(LLAMA, H100, Settings())
    assert cache_tokens(LLAMA, H100, replace(aside, gpu_memory=0.1)) == 198_000  # vLLM does not look at it
    assert cache_tokens(LLAMA, H100, replace(aside, tensor_parallel=2)) == 2 * 198_000  # of each GPU
    assert cache_tokens(LLAMA, H100, replace(aside, kv_cache_dtype="fp8")) == 2 * 198_000
    beyond = replace(aside, kv_cache_memory_bytes=10**15)
    assert cache_tokens(LLAMA, H100, beyond) == cache_tokens(LLAMA, H100, Settings(gpu_memory=1.0))
    [advice] = plan(
        LLAMA, H100, [PromptLoad("a", 100_000, 10)], replace(aside, kv_cache_memory_bytes=token)
    ).advice
    assert "room for 1: no kv_cache_memory_bytes would do" in advice
