"""What works inside a model's layers says here which models it knows: those whose layers are Llama's."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlc.data.errors import UnsupportedError
from rlc.pipeline.llms.support.rope import rotary_dimension

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("llama", "mistral", "phi3", "qwen2", "qwen3")
LASTING = ("default", "linear", "llama3", "yarn")  # the others' frequencies change as the text grows


def check_llama_like(config: Mapping[str, Any], name: str, what: str, forgetful: bool = False) -> None:
    """Hold that every layer of a model attends to all before it, with keys turned by their places (RoPE).

    Args:
        config: the model's configuration.
        name: the model, as the message names it.
        what: what needs such a model, as the message names it.
        forgetful: whether it has layers that do not attend to everything before them.

    Raises:
        UnsupportedError: if they are others; it says what is supported.
    """
    kind = config.get("model_type")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    turn = rope.get("rope_type", rope.get("type", "default"))
    if kind not in KINDS:
        reason = f"{name} is of the kind {kind!r}"
    elif forgetful:
        reason = f"{name} has layers that do not attend to everything before them"
    elif turn not in LASTING:
        reason = f"{name} turns its keys by frequencies that change with the length ({turn})"
    elif rotary_dimension(config) != rotary_dimension(
        dict(config) | {"rope_parameters": {}, "partial_rotary_factor": 1.0}
    ):
        reason = f"{name} turns a part of each key only"
    else:
        return
    raise UnsupportedError(
        f"{what} works inside layers like Llama's ({', '.join(KINDS)}) whose keys are turned by their places, and {reason}: "
        "take another model, or leave it out"
    )


def turned(states: "Tensor", cos: "Tensor", sin: "Tensor") -> "Tensor":
    """Turn queries or keys, [..., tokens, dimension], by angles whose cosine and sine are [..., tokens, dimension]."""
    import torch

    first, second = states.chunk(2, -1)
    return states * cos + torch.cat([-second, first], -1) * sin


def of_queries(states: "Tensor", groups: int) -> "Tensor":
    """Keys or values for each query head, of which `groups` share one: [batch, kv heads, ...] to [batch, heads, ...]."""
    return states.repeat_interleave(groups, 1)
