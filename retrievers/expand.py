"""Find small, read large: what is found grows to its neighbours or to the parent that holds it."""

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Self

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from rlc.data.errors import DataError
from rlc.data.loads import ChunkLoad, PassageLoad
from rlc.retrievers.base import Retriever, RetrieverFactory, Where, id_of, scored, search

# Chunkers leave out chunks of white space alone; anything wider is text that these chunks do not hold.
LARGEST_GAP = 32
REWRITTEN = ("text_to_embed", "embedding", "embedding_model", "chunk_index", "parents")


@dataclass(frozen=True)
class Passage:
    """A span of one source that is going to be read, and the chunks that led to it by their rank (from 1)."""

    source: str
    start: int
    end: int
    hits: Mapping[int, Document]

    def overlaps(self, other: "Passage") -> bool:
        """Whether the two share text."""
        return self.source == other.source and self.start < other.end and other.start < self.end

    def __or__(self, other: "Passage") -> "Passage":
        """Both as one."""
        start, end = min(self.start, other.start), max(self.end, other.end)
        return Passage(self.source, start, end, {**self.hits, **other.hits})


class ExpandingRetriever(Retriever):
    """Searches chunks and returns larger passages of the same texts. Subclasses say how a chunk grows, in `grow`.

    Passages that overlap become one, with the best chunk's score; each is an exact slice of its source, put
    together from the chunks, with `start_index`, `end_index` and the ids of its `hits`.

    Attributes:
        retriever: finds the chunks.
        sources: each source's chunks by place.
        depth: how many chunks it is asked for (at least `k`).
    """

    retriever: BaseRetriever
    sources: Mapping[str, Sequence[Document]]
    depth: int = Field(default=50, ge=1)

    @classmethod
    def hands_out(cls, chunks: ChunkLoad, *, k: int = 5, depth: int = 50, **settings: Any) -> PassageLoad:  # noqa: ANN401
        """Bound the grown passages: as many chunks as are looked at, all grown; they share no text."""
        grown = min(max(depth, k) * cls.grown(chunks, **settings), chunks.whole)
        return PassageLoad(k, grown, grown)

    @classmethod
    @abstractmethod
    def grown(cls, chunks: ChunkLoad, **settings: Any) -> int:  # noqa: ANN401
        """Bound the tokens that one found chunk grows to."""

    @abstractmethod
    def grow(self, chunk: Document, source: Sequence[Document]) -> tuple[int, int]:
        """The span to read where this chunk is found; `source` holds the chunks of its text by place."""

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The first passages that the best chunks lead to."""
        wanted = self._wanted(k)
        found = search(self.retriever, queries, max(self.depth, wanted), where)
        return [self._passages(chunks, wanted) for chunks in found]

    def _passages(self, chunks: Sequence[Document], wanted: int) -> list[Document]:
        passages: list[Passage] = []
        for rank, chunk in enumerate(chunks, start=1):
            source = chunk.metadata["source"]
            passage = Passage(source, *self.grow(chunk, self.sources[source]), {rank: chunk})
            touched = [known for known in passages if known.overlaps(passage)]
            if not touched and len(passages) == wanted:
                break
            passages = [known for known in passages if known not in touched]
            passages.append(reduce(or_, touched, passage))
        passages.sort(key=lambda passage: min(passage.hits))
        return [self._document(passage, rank) for rank, passage in enumerate(passages, start=1)]

    def _document(self, passage: Passage, rank: int) -> Document:
        hits = [passage.hits[rank] for rank in sorted(passage.hits)]
        document = Document(
            id=f"{passage.source}:{passage.start}-{passage.end}",
            page_content=assemble(self.sources[passage.source], passage.start, passage.end),
            metadata={key: value for key, value in hits[0].metadata.items() if key not in REWRITTEN},
        )
        return scored(
            document,
            # A retriever that is not rlc's may give no score.
            document.metadata.get("relevance_score", 1 / min(passage.hits)),
            rank,
            start_index=passage.start,
            end_index=passage.end,
            hits=[id_of(hit) for hit in hits],
        )


class NeighbourRetriever(ExpandingRetriever):
    """Returns what is found together with the chunks around it.

    Attributes:
        before: how many chunks before.
        after: how many chunks after.
    """

    before: int = Field(default=1, ge=0)
    after: int = Field(default=1, ge=0)

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        *,
        retriever: RetrieverFactory,
        k: int = 5,
        depth: int = 50,
        before: int = 1,
        after: int = 1,
    ) -> Self:
        """Index chunks that carry `source`, `start_index` and `end_index`.

        Args:
            documents: at least one chunk.
            retriever: makes the retriever that finds chunks, such as `BM25Retriever.from_documents`.
            k: how many passages a query gets.
            depth: how many chunks are looked at for them.
            before: how many chunks before a found one are read.
            after: how many chunks after it.
        """
        return cls(
            retriever=retriever(documents),
            sources=by_source(documents),
            k=k,
            depth=depth,
            before=before,
            after=after,
        )

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
    def from_documents(
        cls,
        documents: Sequence[Document],
        *,
        retriever: RetrieverFactory,
        k: int = 5,
        depth: int = 50,
        level: int = 0,
    ) -> Self:
        """Index chunks that carry `source`, `start_index`, `end_index` and `parents`; see `NeighbourRetriever`."""
        return cls(
            retriever=retriever(documents), sources=by_source(documents), k=k, depth=depth, level=level
        )

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


def by_source(documents: Sequence[Document]) -> dict[str, list[Document]]:
    """The chunks of each source, by place; of chunks at one place the longest.

    Raises:
        DataError: if a chunk does not say where it comes from.
    """
    longest: dict[str, dict[int, Document]] = defaultdict(dict)
    for document in documents:
        place = document.metadata
        if not {"source", "start_index", "end_index"} <= place.keys():
            raise DataError(
                f"chunk {document.id!r} lacks source, start_index or end_index: cut with one of rlc's chunkers"
            )
        known = longest[place["source"]].get(place["start_index"])
        if known is None or known.metadata["end_index"] < place["end_index"]:
            longest[place["source"]][place["start_index"]] = document
    return {name: [chunks[start] for start in sorted(chunks)] for name, chunks in longest.items()}


def gap(chunk: Document, following: Document) -> bool:
    """Whether text is missing between two chunks."""
    return bool(following.metadata["start_index"] - chunk.metadata["end_index"] > LARGEST_GAP)


def assemble(source: Sequence[Document], start: int, end: int) -> str:
    """The text of a span, put together from chunks by place; white space that no chunk holds becomes spaces.

    Raises:
        DataError: if the chunks do not cover the span.
    """
    starts = [chunk.metadata["start_index"] for chunk in source]
    text, place = "", start
    # Chunks overlap, so the one that holds `start` may begin well before it.
    for chunk in source[: bisect_right(starts, end - 1)]:
        begin, stop = chunk.metadata["start_index"], chunk.metadata["end_index"]
        if stop <= place:
            continue
        if begin - place > LARGEST_GAP:
            break
        text += " " * (begin - place)
        place = max(place, begin)
        text += chunk.page_content[place - begin : end - begin]
        place = min(stop, end)
    if end - place > LARGEST_GAP:
        raise DataError(
            f"the chunks hold no text at {place}, inside the span {start}-{end}: index all of them"
        )
    return text + " " * (end - place)
