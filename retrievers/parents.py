"""Retrieval of the larger spans that hold the chunks found."""

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from pydantic import Field

from rlc.data.loads import ChunkLoad
from rlc.retrievers.support.passages import ExpandingRetriever


class ParentRetriever(ExpandingRetriever):
    """Returns the parents of what is found: chunks that a hierarchical chunker cut carry their spans.

    With parents of about 4,000 tokens and chunks of 512 this is LongRAG's retrieval inside one document: a unit
    scores as the best of its chunks.

    Attributes:
        level: 0 for the nearest parent, 1 for the next larger, ...; a chunk without that many gets its largest.

    Source: LongRAG, arXiv 2406.15319.
    """

    level: int = Field(default=0, ge=0)

    @classmethod
    def grown(cls, chunks: ChunkLoad, *, level: int = 0, **_: Any) -> int:  # noqa: ANN401
        """A parent of full size; a chunk without parents."""
        return chunks.largest[min(level + 1, len(chunks.largest) - 1)]

    def grow(self, chunk: Document, source: Sequence[Document]) -> tuple[int, int]:  # noqa: ARG002 - the base's names
        """The parent's span; a chunk without parents is its own."""
        parents = chunk.metadata.get("parents") or [
            (chunk.metadata["start_index"], chunk.metadata["end_index"])
        ]
        start, end = parents[min(self.level, len(parents) - 1)]
        return start, end
