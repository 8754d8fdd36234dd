"""Which models what works inside layers takes, and what it says of the others."""

import pytest

from rlc.data.errors import UnsupportedError
from rlc.pipeline.llms.support.llama_like import check_llama_like

LLAMA = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gpt2"}, "is of the kind 'gpt2'"),
        ({"model_type": "phi3", "partial_rotary_factor": 0.75}, "turns a part of each key only"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, r"change with the length \(dynamic\)"),
        ({"rope_scaling": {"type": "longrope"}}, r"change with the length \(longrope\)"),
    ],
)
def test_what_is_refused(changes, reason):
    with pytest.raises(UnsupportedError, match=rf"x works inside layers like Llama's \(llama, .*{reason}"):
        check_llama_like(LLAMA | changes, "m", "x")


def test_layers_that_forget_are_refused():
    with pytest.raises(UnsupportedError, match="do not attend to everything before them"):
        check_llama_like(LLAMA, "m", "x", forgetful=True)


@pytest.mark.parametrize(
    "rope", [{}, {"rope_parameters": {"rope_type": "yarn"}}, {"rope_parameters": {"rope_type": "llama3"}}]
)
def test_what_is_taken(rope):
    check_llama_like(LLAMA | rope, "m", "x")
