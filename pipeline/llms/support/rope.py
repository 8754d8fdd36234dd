"""Stretching rotary positions beyond the window that a model was trained with: one setting, the same in every engine."""

from collections.abc import Mapping
from typing import Any

METHODS = ("yarn", "ntk", "linear")


def check_rope(rope: str | None, factor: float) -> None:
    """Refuse an unknown method, or a factor without one, with a ValueError."""
    if rope not in (None, *METHODS):
        hint = "; 'dynamic' gives a kept prefix other positions than a fresh one, take 'ntk'" * (
            rope == "dynamic"
        )
        raise ValueError(f"rope must be one of {', '.join(METHODS)}; got {rope!r}{hint}")
    if (rope is None) != (factor == 1) or factor < 1:
        raise ValueError(f"rope and rope_factor (above 1) go together, got {rope!r} and {factor}")


def check_window(model: str, window: int, most: int, positions: int) -> None:
    """Refuse a window beyond `most` tokens with a ValueError that says how the model's own `positions` reach it."""
    if 0 < window <= most:
        return
    further = f"; to go beyond, set rope = 'yarn' and rope_factor = {-(-window // positions)}"
    raise ValueError(
        f"window must be in [1, {most}], what {model} can attend to; got {window}{further if window > 0 else ''}"
    )


def stretched(config: Mapping[str, Any], method: str, factor: float) -> dict[str, Any]:
    """The entries of a model's configuration that stretch its positions by a factor.

    With theta the base, d the dimension of a head and f_i = theta^(-2i/d) the frequencies:

    - `linear` divides all f_i by the factor (Chen et al., arXiv 2306.15595);
    - `ntk` takes theta' = theta * factor^(d / (d - 2)), which leaves the fastest frequency as it is and divides the
      slowest by the factor (bloc97, 2023; Peng et al., arXiv 2309.00071, section 3.1);
    - `yarn` divides those that turn less than once over the trained window, leaves those that turn more than 32 times,
      mixes between, and scales attention by 0.1 ln(factor) + 1 (Peng et al., arXiv 2309.00071).

    transformers and vLLM make the same frequencies of these entries, and both take `max_position_embeddings` for the
    length that the model then has.

    Raises:
        ValueError: for a model without rotary positions, or one whose positions are stretched already.
    """
    own = config.get("rope_parameters") or config.get("rope_scaling") or _by_nature(config)
    if own is None:
        raise ValueError(
            f"rope = {method!r} stretches rotary positions, and the configuration of this model "
            f"({config.get('model_type')}) has none: leave rope out"
        )
    kind = own.get("rope_type", own.get("type", "default"))
    if kind != "default" or any(isinstance(value, Mapping) for value in own.values()):
        found = kind if kind != "default" else "one set a kind of layer"
        raise ValueError(
            f"rope = {method!r} would replace what this model's own positions are made with ({found}): leave rope out, "
            f"its window is {config['max_position_embeddings']} as it is"
        )
    positions = int(config["max_position_embeddings"])
    base = float(own.get("rope_theta") or config.get("rope_theta") or 10_000.0)
    parameters: dict[str, Any] = {**own, "rope_theta": base, "rope_type": "default"}
    if method == "ntk":
        turned = rotary_dimension(config)
        parameters["rope_theta"] = base * factor ** (turned / (turned - 2))
    else:
        parameters |= {"rope_type": method, "factor": float(factor)}
        if method == "yarn":
            parameters["original_max_position_embeddings"] = positions
    return {"rope_parameters": parameters, "max_position_embeddings": int(positions * factor)}


def rotary_dimension(config: Mapping[str, Any]) -> int:
    """The numbers of a head that are turned."""
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    own = config.get("rope_parameters") or {}
    share = own.get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0
    return int(head * share)


def _by_nature(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a configuration that says nothing of positions stands for; None for a model that does not turn its keys."""
    if "rope_theta" in config:
        return {"rope_theta": config["rope_theta"]}
    from transformers import AutoConfig

    try:
        named: Mapping[str, Any] | None = getattr(
            AutoConfig.for_model(str(config.get("model_type"))), "rope_parameters", None
        )
    except ValueError:  # a kind that transformers does not know
        return None
    return named
