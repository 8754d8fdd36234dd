"""What `dtype = "auto"` is: told by the machine's instructions, and written out wherever a result says what made it."""

import sys
from types import SimpleNamespace

import pytest

from rlc.data import precision
from rlc.pipeline.families import BUILDER, ENCODER, LLM, STEP
from rlc.pipeline.identity import identity
from rlc.pipeline.recipe import Recipe

PLAIN, HALF = frozenset({"fpu", "avx512f"}), frozenset({"fpu", "avx512_bf16"})
OWN = {"vllm"}  # whose `auto` is the format that the weights are stored in, the same on every machine


@pytest.fixture(params=["float32", "bfloat16"])
def native(request, monkeypatch):
    """A processor without and one with instructions for bfloat16; its format."""
    monkeypatch.setattr(precision, "instructions", lambda: HALF if request.param == "bfloat16" else PLAIN)
    return request.param


def test_the_instructions_decide(native):
    assert precision.native_dtype("cpu") == native
    assert precision.native_dtype("mps") == "float32"


@pytest.mark.parametrize(("supported", "wanted"), [(True, "bfloat16"), (False, "float16")])
def test_a_gpu_multiplies_in_half_the_digits(monkeypatch, supported, wanted):
    cuda = SimpleNamespace(is_available=lambda: True, is_bf16_supported=lambda: supported)
    monkeypatch.setattr("torch.cuda", cuda)
    assert {precision.native_dtype(device) for device in (None, "auto", "cuda:1")} == {wanted}


def test_a_processor_that_nobody_describes_has_no_instructions(monkeypatch, tmp_path):
    monkeypatch.setattr(precision, "Path", lambda _: tmp_path / "nowhere")
    assert precision.instructions.__wrapped__() == frozenset()


def test_no_completed_spec_leaves_the_format_to_the_machine(native):
    """Every method of every table whose format is `auto` where nobody says."""
    met = set()
    for family in (LLM, ENCODER, STEP):
        for name in set(family.table) - OWN:
            parameters = family.parameters(name, name)
            if "dtype" in parameters and parameters["dtype"].default == "auto":
                met.add(name)
                needed = {"model": "m", "kv": "random", "device": "cpu"}
                given = {"use": name, **{key: needed[key] for key in needed if key in parameters}}
                completed = BUILDER.complete(given, family, name)
                assert completed["dtype"] in (native, f"{native}-if-close"), name
                assert BUILDER.complete({**given, "dtype": "float32"}, family, name)["dtype"] == "float32"
    assert met >= {"hf", "hf-kv", "sentence-transformer", "cross-encoder"}


def test_answers_of_another_format_are_others(monkeypatch):
    keys = set()
    for has in (PLAIN, HALF):
        monkeypatch.setattr(precision, "instructions", lambda has=has: has)
        reader = {"use": "long", "llm": {"use": "hf", "model": "m", "device": "cpu"}}
        keys.add(identity(Recipe({"long": reader}).completed()["long"]))
    assert len(keys) == 2


def test_without_torch_it_stays_for_the_machine_that_has_it(monkeypatch):
    monkeypatch.setattr(precision, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert precision.settled({"dtype": "auto", "device": "auto"})["dtype"] == "auto"
