"""Base class of pruners: which spans of a passage stay, and the passage made of them."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from langchain_core.documents import Document
from pydantic import Field

from rlc.data.errors import DataError
from rlc.data.protocols import Floats, Tokenizer
from rlc.data.text.sentences import splitter
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.prune.support.units import Unit, units, with_headers
from rlc.retrievers.support.compressor import Compressor

Span = tuple[int, int]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Asked:
    """A question and the passages that were retrieved for it."""

    query: str
    documents: Sequence[Document]


@dataclass(frozen=True)
class Kept:
    """What stays of a passage: half-open spans of its text, ascending, and the passage's score if there is one.

    Raises:
        ValueError: if a span is empty, or begins before the text or before the end of the span before it.
    """

    spans: Sequence[Span]
    score: float | None = None

    def __post_init__(self) -> None:
        borders = [0, *(border for span in self.spans for border in span)]
        if borders != sorted(borders) or any(start == end for start, end in self.spans):
            raise ValueError(f"kept spans must ascend from 0 and hold something, got {list(self.spans)}")


class Pruner(Compressor):
    """Takes out of passages what a question does not need. Subclasses say what stays, in `keep`.

    What stays is a subsequence of the passage, in its order. Each `Document` handed out is a copy with `kept_spans`
    in its metadata, half-open character spans of the *source* (of the passage, where it names no source), while
    `start_index` and `end_index` stay the passage's, and `prune_score` where the method scores passages. A passage of
    which nothing stays is left out. One that is read in other words than its source's (`text_to_read`) stays whole, or
    is left out.
    """

    @abstractmethod
    def keep(self, asked: Sequence[Asked]) -> list[list[Kept]]:
        """What stays of every passage of every question, in order."""

    def prune(self, queries: Sequence[str], documents: Sequence[Sequence[Document]]) -> list[list[Document]]:
        """Prune the passages of many questions at once.

        Raises:
            ValueError: if there are not as many lists of passages as queries.
        """
        asked = [Asked(*one) for one in zip(queries, documents, strict=True)]
        return [
            self.arrange(
                [
                    document if "text_to_read" in document.metadata else pruned(document, kept)
                    for document, kept in zip(one.documents, found, strict=True)
                    if kept.spans or not document.page_content
                ]
            )
            for one, found in zip(asked, self.keep(asked), strict=True)
        ]

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:
        """The pruned passages of one question."""
        return self.prune([query], [documents])[0]

    def arrange(self, documents: list[Document]) -> list[Document]:
        """The order of the pruned passages: as they came, unless a subclass ranks them."""
        return documents


@dataclass(frozen=True)
class Judged:
    """A passage's units, how much each is worth keeping (float32 [units], in [0, 1]), and the passage's score."""

    units: Sequence[Unit]
    worth: Floats
    score: float | None = None


class SentencePruner(Pruner):
    """Keeps or drops whole sentences and table rows. Subclasses say what each is worth, in `judge`.

    A unit stays if its worth is above `threshold`; at 0 everything stays. With a `ratio`, that share of the tokens
    of a question's passages is removed, at least: the units of the highest worth stay as far as they fit, ties in
    reading order. A table's row stays together with its header row.

    Attributes:
        threshold: what a unit must be worth, in [0, 1].
        ratio: share of tokens to remove instead, in [0, 1]; 0 keeps everything.
        splitter: how sentences are found, see `rlc.data.text.sentences`.
        tokenizer: what tokens are counted with, for `ratio`.
    """

    threshold: Share = 0.1
    ratio: Share | None = None
    splitter: str = "rules"
    tokenizer: Tokenizer = Field(default_factory=ApproximateTokenizer)

    @abstractmethod
    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """What the units of every passage of every question are worth; `cut` holds those units."""

    def cut(self, text: str) -> list[Unit]:
        """The units of a text; they tile it."""
        return units(text, splitter(self.splitter))

    def keep(self, asked: Sequence[Asked]) -> list[list[Kept]]:
        cut = [[self.cut(document.page_content) for document in one.documents] for one in asked]
        return [
            [
                Kept(joined(unit for unit, kept in zip(one.units, mask, strict=True) if kept), one.score)
                for one, mask in zip(judged, self._masks(question, judged), strict=True)
            ]
            for question, judged in zip(asked, self.judge(asked, cut), strict=True)
        ]

    @property
    def bar(self) -> float:
        """What a unit's worth must exceed: the threshold, unless a subclass uses that for something else."""
        return self.threshold

    def _masks(self, asked: Asked, judged: Sequence[Judged]) -> list[list[bool]]:
        if self.ratio is None:
            return [
                with_headers((one.worth > self.bar).tolist(), one.units)
                if self.threshold
                else [True] * len(one.units)
                for one in judged
            ]
        texts = [document.page_content for document in asked.documents]
        costs = [
            [self.tokenizer.count(text[unit.start : unit.end]) for unit in one.units]
            for text, one in zip(texts, judged, strict=True)
        ]
        return within_budget(judged, costs, (1 - self.ratio) * sum(map(sum, costs)))


def within_budget(judged: Sequence[Judged], costs: Sequence[Sequence[int]], room: float) -> list[list[bool]]:
    """Which units of all passages together stay within `room`, those of the highest worth first.

    A row that does not fit together with its headers is passed over, and smaller ones behind it may still fit.
    """
    masks = [[False] * len(one.units) for one in judged]
    order = sorted(
        (-float(worth), passage, place)
        for passage, one in enumerate(judged)
        for place, worth in enumerate(one.worth)
    )
    left = room + 1e-6  # (1 - ratio) * total is not always exact
    for _, passage, place in order:
        wanted = {place, *judged[passage].units[place].headers}
        missing = [i for i in wanted if not masks[passage][i]]
        cost = sum(costs[passage][i] for i in missing)
        if cost <= left:
            left -= cost
            for i in missing:
                masks[passage][i] = True
    return masks


def joined(spans: Iterable[Unit]) -> tuple[Span, ...]:
    """Spans in ascending order, those that touch made one."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1][1] == span.start:
            found[-1] = (found[-1][0], span.end)
        else:
            found.append((span.start, span.end))
    return tuple(found)


def pruned(document: Document, kept: Kept) -> Document:
    """A copy of the document that holds only the kept spans; a passage that was pruned before is pruned further.

    Raises:
        DataError: if the passage says where it lies in its source and is not as long as that.
        ValueError: if a kept span ends behind the passage.
    """
    text = document.page_content
    if kept.spans and kept.spans[-1][1] > len(text):
        raise ValueError(
            f"kept spans must lie in the passage's {len(text)} characters, got {list(kept.spans)}"
        )
    metadata = {**document.metadata, "kept_spans": source_spans(document, kept.spans)}
    metadata.pop("embedding", None)
    metadata.pop("text_to_embed", None)
    if kept.score is not None:
        metadata["prune_score"] = kept.score
    content = "".join(text[start:end] for start, end in kept.spans)
    return Document(id=document.id, page_content=content, metadata=metadata)


def source_spans(document: Document, spans: Sequence[Span]) -> list[list[int]]:
    """Spans of a passage's text as spans of its source, `[start, end]` each, ascending."""
    pieces = _pieces(document)
    length = sum(end - start for start, end in pieces)
    if length != len(document.page_content):
        raise DataError(
            f"passage {document.id!r} has {len(document.page_content)} characters, but its place in the source has "
            f"{length}: prune it before its text is rewritten, or drop its start_index and end_index"
        )
    found: list[list[int]] = []
    begin = 0
    for low, high in pieces:
        offset = low - begin
        begin += high - low
        for start, end in spans:
            first, last = max(start + offset, low), min(end + offset, high)
            if first < last:
                found.append([first, last])
    return found


def _pieces(document: Document) -> list[Span]:
    """Where the passage's text lies in its source."""
    data = document.metadata
    if "kept_spans" in data:
        return [(int(start), int(end)) for start, end in data["kept_spans"]]
    start = int(data.get("start_index", 0))
    return [(start, int(data.get("end_index", start + len(document.page_content))))]
