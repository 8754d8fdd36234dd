"""Hierarchical chunking: small chunks that carry the spans of their larger parents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rlc.chunkers.base import Chunker, Span, check_size
from rlc.chunkers.recursive import RecursiveChunker
from rlc.chunkers.section import SectionChunker
from rlc.data.protocols import Tokenizer
from rlc.data.spec import Spec
from rlc.data.text.outline import Outline
from rlc.data.tokens import ApproximateTokenizer, densest


@dataclass(frozen=True)
class HierarchyChunker(Chunker):
    """Chunks inside chunks, at several scales.

    The largest scale is cut by sections, each smaller one as `recursive` does inside its parents. A chunk's
    `parents` are the spans [start, end] around it, the nearest first, so that what is found small can be read
    large; its `level` is 0 for the smallest scale, and `section` the titles above it.

    Args:
        sizes: tokens of each scale, the largest first: (2048, 512, 128) is small-to-big; (4000, 512) gives units
            as in LongRAG; with `overlap` the smallest scale becomes slices as in MacRAG.
        overlap: tokens that neighbours of the smallest scale share.
        emit: `leaves` gives the smallest scale only, `all` every scale (a parent comes before its children, and
            its id ends in its level).

    Source: LlamaIndex's HierarchicalNodeParser (2048, 512, 128); LongRAG, arXiv:2406.15319; MacRAG,
    arXiv:2505.06569.
    """

    sizes: Sequence[int] = (2048, 512, 128)
    overlap: int = 0
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)
    emit: Literal["leaves", "all"] = "leaves"

    @classmethod
    def example(cls) -> Spec:
        return {"sizes": [500, 125]}

    def __post_init__(self) -> None:
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes), reverse=True):
            raise ValueError(f"sizes must fall from scale to scale, got sizes={list(self.sizes)}")
        if self.emit not in ("leaves", "all"):
            raise ValueError(f"emit must be 'leaves' or 'all', got {self.emit!r}")
        check_size(self.sizes[-1], self.overlap)

    def largest(self, text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """Bound the chunks of the smallest scale, then of each larger one; of all scales, where all are chunks."""
        scales = tuple(densest(text, size, self.tokenizer, tokenizer) for size in reversed(self.sizes))
        return scales if self.emit == "leaves" else scales[-1:]

    def spans(self, text: str) -> list[Span]:
        outline = Outline(text)
        spans = self._nested(text, 0, [])
        return [Span(s.start, s.end, {"section": list(outline.path(s.start)), **s.metadata}) for s in spans]

    def _nested(self, text: str, begin: int, parents: list[list[int]]) -> Iterator[Span]:
        """The spans of `text`, a slice that begins at `begin` and lies in `parents`, nearest first."""
        depth = len(parents)
        level = len(self.sizes) - 1 - depth
        overlap = 0 if level else self.overlap
        cutter = (RecursiveChunker if depth else SectionChunker)(self.sizes[depth], overlap, self.tokenizer)
        for span in cutter.spans(text):
            start, end = begin + span.start, begin + span.end
            if self.emit == "all" or not level:
                suffix = {"suffix": f"@{level}"} if level else {}
                yield Span(start, end, {"level": level, "parents": parents, **suffix})
            if level:
                yield from self._nested(text[span.start : span.end], start, [[start, end], *parents])
