"""Retrieval of chunks with the chunks around them."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from pydantic import Field

from rlc.data.loads import ChunkLoad
from rlc.retrievers.support.passages import ExpandingRetriever, gap


class NeighbourRetriever(ExpandingRetriever):
    """Returns what is found together with the chunks around it.

    Attributes:
        before: how many chunks before.
        after: how many chunks after.
    """

    before: int = Field(default=1, ge=0)
    after: int = Field(default=1, ge=0)

    @classmethod
    def grown(cls, chunks: ChunkLoad, *, before: int = 1, after: int = 1, **_: Any) -> int:  # noqa: ANN401
        """The chunk and its neighbours, all of full size."""
        return (before + 1 + after) * chunks.largest[0]

    def grow(self, chunk: Document, source: Sequence[Document]) -> tuple[int, int]:
        """From the start of the first neighbour to the end of the last; a gap in the chunks ends it."""
        starts = [other.metadata["start_index"] for other in source]
        place = bisect_left(starts, chunk.metadata["start_index"])
        first = last = place
        while first > max(0, place - self.before) and not gap(source[first - 1], source[first]):
            first -= 1
        while last < min(len(source) - 1, place + self.after) and not gap(source[last], source[last + 1]):
            last += 1
        return starts[first], source[last].metadata["end_index"]
