"""Searching: the half of a reader that finds text, on its own."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document
from langchain_core.retrievers import BaseRetriever

from rlc.data.errors import DataError, UsageError
from rlc.data.loads import PassageLoad
from rlc.data.protocols import Tokenizer
from rlc.data.records import Usage, document_name
from rlc.pipeline.readers.support.asking import searched
from rlc.pipeline.readers.support.indexing import by_name, index_documents, passage_load, warm
from rlc.retrievers.base import RetrieverFactory, as_read
from rlc.retrievers.base import search as search_with

Clock = Callable[[], float]


class Found(NamedTuple):
    """The passages for a query, best first, and what finding them cost."""

    passages: Sequence[Document]
    usage: Usage


@dataclass(frozen=True)
class Library:
    """What has been indexed and can be searched as often as one likes; `cost` is that of the index."""

    retriever: BaseRetriever
    steps: Sequence[BaseDocumentCompressor]
    where: Mapping[str, Any] | None
    cost: Usage
    now: Clock = time.perf_counter
    _paid: list[object] = field(default_factory=list, repr=False, compare=False)

    def charged_to(self, payer: object) -> Usage:
        """What the index cost, the first time that this payer is charged with it."""
        if any(one is payer for one in self._paid):
            return Usage()
        self._paid.append(payer)
        return self.cost

    def search(self, queries: Sequence[str], k: int | None = None) -> list[Found]:
        """Search for all queries at once, then refine what was found for each."""
        if not queries:
            return []
        started = self.now()
        found = search_with(self.retriever, queries, k, where=self.where)
        share = searched((self.now() - started) / len(queries))
        return [self._refined(query, passages, share) for query, passages in zip(queries, found, strict=True)]

    def _refined(self, query: str, passages: Sequence[Document], usage: Usage) -> Found:
        started = self.now()
        passages = [as_read(passage) for passage in passages]
        for step in self.steps:
            passages = step.compress_documents(passages, query)
        return Found(passages, usage.then(searched(self.now() - started)))


@dataclass(frozen=True)
class Searcher:
    """Cuts documents, indexes the pieces, finds and refines.

    Args:
        chunker: cuts documents into passages.
        retriever: makes a retriever from passages.
        steps: rerankers, selectors and pruners that refine what is found, in turn.
        collection: documents in all of which every question is searched, whether its own is among them or not; None
            searches its own.
        where: keep only passages whose metadata is so (see `rlc.pipeline.readers.rag.RagReader`).
    """

    chunker: BaseDocumentTransformer
    retriever: RetrieverFactory
    steps: Sequence[BaseDocumentCompressor] = ()
    collection: Sequence[Document] | None = None
    where: Mapping[str, Any] | None = None
    # The collection's index, once it is made: no part of what the searcher is.
    _kept: list[Library] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.documents  # noqa: B018 - a bad collection is refused here, not at the first question

    @cached_property
    def documents(self) -> Mapping[str, Document]:
        """The collection by name; empty where there is none."""
        return {} if self.collection is None else by_name(self.collection)

    def place(self, document: Document) -> str:
        """What names that which is searched for a question on this document."""
        return "" if self.documents else document_name(document)

    def open(self, document: Document, now: Clock = time.perf_counter) -> Library:
        """Index the document, or the collection; `now` tells the time in seconds.

        The collection is indexed once in the searcher's life.

        Raises:
            DataError: if the document cannot be cut or indexed, or another text is called as it is in the collection.
            UsageError: if the collection cannot be indexed.
        """
        warm([self.chunker, self.retriever, *self.steps])
        if not self.documents:
            return self._index([document], now)
        self.check(document)
        if not self._kept:
            try:
                self._kept.append(self._index(list(self.documents.values()), now))
            except DataError as error:
                raise UsageError(
                    f"the collection cannot be indexed, so no question could be: {error}"
                ) from error
        return self._kept[0]

    def check(self, document: Document) -> None:
        """Hold that the collection's document of this name, if there is one, is this one.

        Raises:
            DataError: if it is another: its spans would be taken for this document's.
        """
        name = document_name(document)
        if self.documents.get(name, document).page_content != document.page_content:
            raise DataError(f"the collection holds another text called {name!r}; rename one of the two")

    def _index(self, documents: Sequence[Document], now: Clock) -> Library:
        retriever, cost = index_documents(self.chunker, self.retriever, documents, now)
        return Library(retriever, self.steps, self.where, cost, now)

    def bound(self, document: Document, tokenizer: Tokenizer) -> PassageLoad | None:
        """Bound the passages of a question on this document, in tokens of `tokenizer`; None where a part cannot say."""
        documents = list(self.documents.values()) or [document]
        return passage_load(self.chunker, self.retriever, self.steps, documents, tokenizer)
