"""What a language model may be called, before any hub is asked."""

import re
from pathlib import Path

from rlc.data.errors import UsageError, unknown
from rlc.data.spec import Spec
from rlc.data.weights import resolve
from rlc.pipeline.llms import LLMS
from rlc.pipeline.llms.support.providers import PROVIDERS

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def local_or_hub(model: str) -> Path | str:
    """The folder of an alias or a path, or a Hugging Face id as it stands.

    Raises:
        UsageError: if the name can be none of these: one for a provider (`openai:gpt-4o`), or without an owner.
        WeightsError: if an alias has no weights.
    """
    place = resolve(model)
    if isinstance(place, Path) or _HUB_ID.fullmatch(place):
        return place
    engine, colon, rest = model.partition(":")
    if (spec := spelled_out(model))["model"] != model:
        what = PROVIDERS[engine].what if "provider" in spec else f"a model of the engine {engine}"
        said = ", ".join(f'{key} = "{value}"' for key, value in spec.items())
        raise UsageError(
            f"{model!r} is {what}, and no weights: in a recipe {{{said}}}, or {model!r} in place of a table"
        )
    if colon:
        raise UsageError(
            f"{unknown('engine or provider', engine, LLMS.keys() | PROVIDERS.keys())}. For another server that speaks the OpenAI "
            f"protocol: endpoint:{rest}"
        )
    raise UsageError(
        f"{model!r} is no alias, no folder and no Hugging Face id (OWNER/NAME). For a model behind a server: "
        f"endpoint:{model}; for answers that came with the data: recorded:{model}"
    )


def spelled_out(model: str) -> Spec:
    """`ENGINE:MODEL` as a spec, or `PROVIDER:MODEL` for an endpoint; all else is a model of `hf`.

    >>> spelled_out("endpoint:my-model")
    {'use': 'endpoint', 'model': 'my-model'}
    """
    engine, colon, name = model.partition(":")
    if colon and engine in LLMS:
        return {"use": engine, "model": name}
    if colon and engine in PROVIDERS:
        return {"use": "endpoint", "provider": engine, "model": name}
    return {"use": "hf", "model": model}


def engine_spec(model: str) -> Spec:
    """The spec that `ENGINE:MODEL` or a bare model spells.

    Raises:
        UsageError: if there is no such engine, or the name can be no model's.
    """
    spec = spelled_out(model)
    if spec["model"] == model:  # no engine was named
        local_or_hub(model)
    return spec
