import math

import pytest
from transformers import AutoConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from rlc.pipeline.llms.support.rope import METHODS, check_rope, rotary_dimension, stretched

DIMENSION, THETA, POSITIONS = 8, 10_000.0, 64
CONFIG = {
    "model_type": "llama", "hidden_size": 16, "num_attention_heads": 2, "max_position_embeddings": POSITIONS,
    "rope_parameters": {"rope_type": "default", "rope_theta": THETA},
}  # fmt: skip
PLAIN = [THETA ** (-2 * i / DIMENSION) for i in range(DIMENSION // 2)]  # 1, 0.1, 0.01, 0.001


def by_hand(method, factor):
    """The frequencies as the papers have them."""
    if method == "linear":
        return [f / factor for f in PLAIN]
    if method == "ntk":
        base = THETA * factor ** (DIMENSION / (DIMENSION - 2))
        return [base ** (-2 * i / DIMENSION) for i in range(DIMENSION // 2)]

    def place(turns):  # of the frequency that turns so often over the trained window
        return DIMENSION * math.log(POSITIONS / (turns * 2 * math.pi)) / (2 * math.log(THETA))

    low, high = max(math.floor(place(32)), 0), min(math.ceil(place(1)), DIMENSION - 1)
    stretch = [min(max((i - low) / (high - low), 0), 1) for i in range(DIMENSION // 2)]
    return [f / factor * s + f * (1 - s) for f, s in zip(PLAIN, stretch, strict=True)]


@pytest.mark.parametrize("method", METHODS)
def test_frequencies_by_hand(method):
    entries = stretched(CONFIG, method, 4)
    made = LlamaRotaryEmbedding(AutoConfig.for_model(**{**CONFIG, **entries}))
    assert made.inv_freq.tolist() == pytest.approx(by_hand(method, 4), rel=1e-6)
    assert made.attention_scaling == pytest.approx(0.1 * math.log(4) + 1 if method == "yarn" else 1.0)
    assert entries["max_position_embeddings"] == 4 * POSITIONS
    assert CONFIG["rope_parameters"] == {
        "rope_type": "default",
        "rope_theta": THETA,
    }  # the caller's is left alone


def test_what_stretching_means():
    """All slow the slowest frequency by the factor; all but linear leave the fastest as it is."""
    slowest = {method: PLAIN[-1] / by_hand(method, 4)[-1] for method in METHODS}
    fastest = {method: PLAIN[0] / by_hand(method, 4)[0] for method in METHODS}
    assert slowest == pytest.approx({"yarn": 4, "ntk": 4, "linear": 4})
    assert fastest == pytest.approx({"yarn": 1, "ntk": 1, "linear": 4})


def test_what_a_configuration_leaves_unsaid():
    old = {key: value for key, value in CONFIG.items() if key != "rope_parameters"}
    assert stretched(old | {"rope_theta": 5e5}, "linear", 2)["rope_parameters"]["rope_theta"] == 5e5
    assert stretched(old, "linear", 2)["rope_parameters"]["rope_theta"] == 10_000.0  # a Llama's own
    assert rotary_dimension(CONFIG | {"partial_rotary_factor": 0.5}) == DIMENSION // 2


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"model_type": "gpt2", "rope_parameters": None}, "has none"),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "rope_theta": 5e5}}, "llama3"),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, "a kind of layer"),
    ],
)
def test_models_that_cannot_be_stretched(change, match):
    with pytest.raises(ValueError, match=match):
        stretched(CONFIG | change, "yarn", 2)


@pytest.mark.parametrize(
    ("rope", "factor", "match"),
    [("dynamic", 2, "take 'ntk'"), ("pi", 2, "yarn, ntk, linear"), ("yarn", 1, "go together"), (None, 2, "go together")],
)  # fmt: skip
def test_bad_settings(rope, factor, match):
    with pytest.raises(ValueError, match=match):
        check_rope(rope, factor)
