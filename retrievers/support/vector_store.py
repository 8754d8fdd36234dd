"""A vector store of the user's own as one of rlc's retrievers: with scores, filters and `k`."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core import vectorstores
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from pydantic import Field

from rlc.data.errors import UnsupportedError
from rlc.retrievers.base import Retriever, Where, id_of, ranked, scored
from rlc.retrievers.index.where import check, for_store, keeps

Found = Sequence[tuple[Document, float | None]]


class VectorStoreRetriever(Retriever):
    """Langchain's retriever of this name, with the store's relevance scores, so that rankings can be fused by them.

    A filter goes to the store as its `filter`; a store that hands out what the filter does not keep is refused. A store
    that knows no relevance scores is searched without.

    Attributes:
        vectorstore: the store.
        settings: what every search of the store is given besides.
    """

    vectorstore: VectorStore = Field(repr=False)
    settings: Mapping[str, Any] = Field(default_factory=dict)

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        wanted = self._call(k, where)
        return [self._ranked(self._found(query, wanted), where) for query in queries]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - langchain-core's signature
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        """Await the store's own search."""
        store, wanted = self.vectorstore, self._call(k, where)
        found: Found
        try:
            found = await store.asimilarity_search_with_relevance_scores(query, **wanted)
        except NotImplementedError:
            found = [(document, None) for document in await store.asimilarity_search(query, **wanted)]
        return self._ranked(found, where)

    def _found(self, query: str, wanted: Mapping[str, Any]) -> Found:
        try:
            return self.vectorstore.similarity_search_with_relevance_scores(query, **wanted)
        except NotImplementedError:
            return [(document, None) for document in self.vectorstore.similarity_search(query, **wanted)]

    def _call(self, k: int | None, where: Where | None) -> dict[str, Any]:
        """What a search of the store is given."""
        wanted = {**self.settings, "k": self._wanted(k)}
        if where is None:
            return wanted
        if "filter" in self.settings:
            raise UnsupportedError(
                f"the store has a filter already, {self.settings['filter']!r}: leave one out"
            )
        check(where)
        if isinstance(
            self.vectorstore, InMemoryVectorStore
        ):  # langchain-core's own is filtered by a function
            return {**wanted, "filter": lambda document: keeps(where, document.metadata)}
        return {**wanted, "filter": for_store(where)}

    def _ranked(self, found: Found, where: Where | None) -> list[Document]:
        if where and any(not keeps(where, document.metadata) for document, _ in found):
            raise UnsupportedError(
                f"{type(self.vectorstore).__name__} does not keep to the filter {dict(where)}: "
                "filter in its own settings, or use one of rlc's retrievers"
            )
        if any(score is None for _, score in found):
            return [ranked(document, rank) for rank, (document, _) in enumerate(found, start=1)]
        best = sorted(found, key=lambda one: (-float(one[1] or 0), id_of(one[0])))
        return [scored(document, score or 0.0, rank) for rank, (document, score) in enumerate(best, start=1)]


def with_scores(retriever: object) -> object:
    """A vector store, or langchain's plain retriever of one, as `VectorStoreRetriever`; anything else as it is."""
    if isinstance(retriever, VectorStore):
        return VectorStoreRetriever(vectorstore=retriever)
    if type(retriever) is vectorstores.VectorStoreRetriever and retriever.search_type != "mmr":
        settings = dict(retriever.search_kwargs)
        return VectorStoreRetriever(
            vectorstore=retriever.vectorstore, k=settings.pop("k", 4), settings=settings
        )
    return retriever
