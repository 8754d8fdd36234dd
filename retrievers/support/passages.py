"""Search of small chunks for larger passages: the base class, and passages put together from chunks."""

from abc import abstractmethod
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from rlc.data.errors import DataError
from rlc.data.loads import ChunkLoad, PassageLoad
from rlc.retrievers.base import RetrieverFactory, Where, id_of, scored, search
from rlc.retrievers.support.nested import NestedRetriever

# Chunkers leave out chunks of white space alone; anything wider is text that these chunks do not hold.
LARGEST_GAP = 32
REWRITTEN = (
    "text_to_embed",
    "text_to_read",
    "kept_spans",
    "embedding",
    "embedding_model",
    "chunk_index",
    "parents",
)


@dataclass(frozen=True)
class Passage:
    """A span of one source that is going to be read, and the chunks that led to it by their rank (from 1)."""

    source: str
    start: int
    end: int
    hits: Mapping[int, Document]

    def overlaps(self, other: "Passage") -> bool:
        return self.source == other.source and self.start < other.end and other.start < self.end

    def __or__(self, other: "Passage") -> "Passage":
        """Join two passages into one span."""
        start, end = min(self.start, other.start), max(self.end, other.end)
        return Passage(self.source, start, end, {**self.hits, **other.hits})


class ExpandingRetriever(NestedRetriever):
    """Searches chunks and returns larger passages of the same texts. Subclasses say how a chunk grows, in `grow`.

    Passages that overlap become one, with the best chunk's score; each is an exact slice of its source, put
    together from the chunks, with `start_index`, `end_index` and the ids of its `hits`.

    Attributes:
        retriever: finds the chunks.
        sources: each source's chunks by place.
        depth: how many chunks it is asked for (at least `k`).
    """

    retriever: BaseRetriever
    sources: Mapping[str, Sequence[Document]] = Field(repr=False)
    depth: int = Field(default=50, ge=1)

    @classmethod
    def hold(cls, documents: Sequence[Document], *, retriever: RetrieverFactory) -> dict[str, Any]:
        """Index chunks that carry `source`, `start_index` and `end_index`, and keep them by source."""
        return {"retriever": retriever(documents), "sources": by_source(documents)}

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
