"""A chunker and a scorer of another package, which rlc finds by their entry points (see `pyproject.toml`)."""

import re
from dataclasses import dataclass

from rlc.chunkers.base import Chunker, Span
from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured


@dataclass(frozen=True)
class ParagraphChunker(Chunker):
    """A chunk for every so many paragraphs."""

    paragraphs: int = 1

    def spans(self, text: str) -> list[Span]:
        """Spans of the paragraphs, which blank lines part."""
        found = [(match.start(), match.end()) for match in re.finditer(r"(?:.+\n?)+", text)]
        groups = [found[i : i + self.paragraphs] for i in range(0, len(found), self.paragraphs)]
        return [Span(group[0][0], group[-1][1]) for group in groups]


def starts_right(answer: str, example: Example) -> Measured:
    """Whether the answer begins with a gold answer."""
    return Measured(float(any(answer.startswith(gold) for gold in example.answers)))
