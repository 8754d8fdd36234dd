"""Chunkers as they are named on a command line: `late:inner=recursive,inner.size=500`."""

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from rlc.chunkers import CHUNKERS
from rlc.chunkers.base import Chunker
from rlc.data.errors import UsageError
from rlc.data.spec import Spec
from rlc.pipeline.families import BUILDER, CHUNKER, LLM
from rlc.pipeline.recipe import Recipe
from rlc.pipeline.recipe_settings import with_settings

SIZE = 500  # tokens, of every chunker that takes a size
LEFT_OUT = "an engine writes for every passage; ask for it (--chunker {name}:...), on a few documents"
_COMMA = re.compile(r",(?![^\[\]{}]*[\]}])")  # a comma outside brackets


def default_chunkers() -> tuple[list[str], list[str]]:
    """Every chunker of the table at one size, and the names of those left out, since an engine writes for them."""
    texts, left_out = [], []
    for name in sorted(CHUNKERS):
        parameters, example = CHUNKER.parameters(name, name), CHUNKER.example(name, name)
        if any(BUILDER.family_of(parameters[key].annotation) is LLM for key in example):
            left_out.append(name)
            continue
        settings = [f"{key}={_written(value)}" for key, value in example.items()]
        settings += [f"size={SIZE}"] * ("size" in parameters) + [f"inner.size={SIZE}"] * ("inner" in example)
        texts.append(f"{name}:{','.join(settings)}" if settings else name)
    return texts, left_out


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def chunker_spec(text: str, shared: Mapping[str, Any]) -> Spec:
    """`NAME:key=value,...` as a completed spec; values are TOML, or else plain strings.

    A setting of the chunker, or of the one inside it, takes its value from `shared` where the text names none.

    Raises:
        SpecError: on an unknown name or setting, with the nearest one.
        UsageError: if a setting is no `key=value`.
    """
    name, _, settings = text.partition(":")
    given = [setting for setting in _COMMA.split(settings) if setting]
    for setting in given:
        if "=" not in setting:
            raise UsageError(f"--chunker {text}: expected NAME:key=value,..., got the setting {setting!r}")
    parts = with_settings(
        Recipe({}, {"chunker": {"use": name}}), [f"parts.chunker.{setting}" for setting in given]
    ).parts
    path = f"--chunker {text}"
    return BUILDER.complete(_with_shared(parts["chunker"], shared, path), CHUNKER, path)


def build_chunker(spec: Spec) -> Chunker:
    """The chunker of a completed spec; equal encoders are one object.

    Raises:
        SpecError: if its class refuses the settings.
    """
    chunker: Chunker = BUILDER.build(spec, CHUNKER, f"--chunker {spec['use']}")
    return chunker


def _with_shared(spec: Spec, shared: Mapping[str, Any], path: str) -> Spec:
    known = inspect.signature(CHUNKER.maker(spec["use"], path)).parameters
    filled = {**{key: value for key, value in shared.items() if key in known}, **spec}
    if "inner" in known and "inner" in filled:
        inner = filled["inner"]
        filled["inner"] = _with_shared({"use": inner} if isinstance(inner, str) else inner, shared, path)
    return filled
