"""Versions: numbers with points that are no decimal ones, so that 2.10 is not 2.1."""

from dataclasses import dataclass
from typing import Any

import regex

from rlc.experiments.metrics.values.base import Kind, Value

_VERSION = regex.compile(
    r"(?=[v\d])(?<![\w.])(?:v\.?\s?(?P<number>\d{1,6}(?:\.\d{1,6}){1,4})"
    r"|(?<=\b(?:version|release|python|java|android|ios|firmware|windows|section|chapter)\s)v?(?P<number>\d{1,6}(?:\.\d{1,6}){1,4})"
    r"|(?!\d{1,3}(?:\.\d{3})+(?![\d.]))(?P<number>\d{1,6}(?:\.\d{1,6}){2,4}))(?![\w,]|\.\d)"
)


@dataclass(frozen=True)
class Version(Value):
    """A version, compared part by part as it is written; without a name before it, it needs two points."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The version as it is written."""
        return (f"#{self.written}",)

    def says(self, gold: Value) -> bool:
        """Whether it is written alike."""
        return self.written == gold.written


def _version(match: Any) -> Version:  # noqa: ANN401  see Kind
    return Version(match.start(), match.end(), match["number"], False)


VERSION = Kind(_VERSION, _version)
