"""Causal language models through transformers: weights on a device, and what their files say of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlc.data.errors import EngineUnavailableError
from rlc.data.precision import native_dtype
from rlc.data.weights import load_whole

DTYPES = ("auto", "float32", "bfloat16", "float16")


def load_model(
    name: str,
    place: str | Path,
    revision: str | None,
    device: str,
    dtype: str,
    *,
    changes: Mapping[str, Any] | None = None,
) -> Any:  # noqa: ANN401 - a transformers model
    """Load a model's weights for inference; no code of its repository is run.

    Args:
        name: what a message calls it.
        place: its folder or Hugging Face id.
        revision: a hub revision.
        device: a torch device; `auto` takes a GPU where there is one.
        dtype: one of `DTYPES`; `auto` is `native_dtype`.
        changes: entries of its configuration that are others here.

    Raises:
        EngineUnavailableError: if it cannot be loaded.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM

    at = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    precision = getattr(torch, native_dtype(at) if dtype == "auto" else dtype)
    try:
        config = AutoConfig.from_pretrained(place, revision=revision, trust_remote_code=False)
        for key, value in (changes or {}).items():
            setattr(config.get_text_config(), key, value)
        model = load_whole(AutoModelForCausalLM, place, config=config, revision=revision, dtype=precision)
        # Without gradients no pass keeps what each layer has made of a long text for a way back that nobody goes.
        return model.to(at).eval().requires_grad_(False)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise EngineUnavailableError(
            f"cannot load the language model {name!r}: {error}; name another, or see `rlc doctor` for what this "
            "machine has"
        ) from error


def end_tokens(model: Any, codec: Any) -> frozenset[int]:  # noqa: ANN401 - of transformers
    """The ids after which a model says nothing more: its generation settings' and its tokenizer's."""
    ends = model.generation_config.eos_token_id if model.generation_config else None
    own = [codec.eos_token_id] if codec.eos_token_id is not None else []
    return frozenset([*own, *(ends if isinstance(ends, list) else [ends] if ends is not None else [])])


def layers_that_forget(place: str | Path, revision: str | None) -> list[str]:
    """The kinds of layers that do not attend to all before them, if there are any: no cache of theirs can be cut back."""
    config = _text_config(place, revision)
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = kinds != {"full_attention"} or getattr(config, "sliding_window", None)
    return sorted(kinds) if windowed else []


def is_rotary(place: str | Path, revision: str | None) -> bool:
    """Whether a position turns keys and queries by itself alone, so that texts of any length can stand side by side."""
    config = _text_config(place, revision)
    rope = getattr(config, "rope_parameters", None) or {}
    # These two choose their frequencies by the longest text of the batch.
    by_length = rope.get("rope_type") in ("dynamic", "longrope")
    return bool(rope) and not by_length and not getattr(config, "alibi", False)


def _text_config(place: str | Path, revision: str | None) -> Any:  # noqa: ANN401 - of transformers
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(place, revision=revision, trust_remote_code=False).get_text_config()
