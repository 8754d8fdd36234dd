"""Chunkers as they are named on a command line: `late:inner=recursive,inner.size=500`."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from rlc.chunkers.base import Chunker
from rlc.data.errors import UsageError
from rlc.data.spec import Spec
from rlc.pipeline.recipe import BUILDER, CHUNKER, Recipe, with_settings

LEFT_OUT = {
    "proposition": "a model writes an answer for every passage; ask for it (proposition:model=ID), on a few documents"
}
# Every other entry of the table, at one size; a test holds the two together.
DEFAULT = (
    "recursive:size=500",
    "fixed:size=500",
    "sentence:size=500",
    "section:size=500",
    "contextual:inner=section,inner.size=500",
    "hierarchy:sizes=[500,125]",
    "semantic:size=500",
    "late:inner=recursive,inner.size=500",
)
_COMMA = re.compile(r",(?![^\[\]{}]*[\]}])")  # a comma outside brackets


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
