"""Retrieval with its refining steps inside: rerankers, selectors and pruners after any retriever."""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.config import run_in_executor
from pydantic import Field

from rlc.data.loads import ChunkLoad, PassageLoad
from rlc.retrievers.base import Where, as_read, asearch, ranked, search
from rlc.retrievers.support.compressor import let_through
from rlc.retrievers.support.nested import NestedRetriever


class RefinedRetriever(NestedRetriever):
    """Retrieves more than is asked for, lets the steps refine it in turn, and hands out the first `k`.

    What langchain's ContextualCompressionRetriever does, with `k`, filters and any number of steps.

    Attributes:
        retriever: finds the documents.
        steps: rerankers, selectors and pruners, or any of langchain's document compressors.
        depth: how many documents are refined (at least `k`).
    """

    retriever: BaseRetriever
    steps: Sequence[BaseDocumentCompressor] = ()
    depth: int = Field(default=50, ge=1)

    @classmethod
    def hands_out(
        cls,
        chunks: ChunkLoad,
        *,
        k: int = 5,
        depth: int = 50,
        steps: Sequence[BaseDocumentCompressor] = (),
        **settings: Any,  # noqa: ANN401
    ) -> PassageLoad:
        """Bound what the steps leave; where one cannot say, as many passages as are asked for."""
        found = super().hands_out(chunks, k=max(k, depth), **settings)
        return (let_through(steps, found) or found).at_most(k)

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        wanted = self._wanted(k)
        found = search(self.retriever, queries, max(self.depth, wanted), where)
        return [
            self._refined(documents, query, wanted) for query, documents in zip(queries, found, strict=True)
        ]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        """Await the retriever's own search; the steps compute off the event loop."""
        wanted = self._wanted(k)
        found = await asearch(self.retriever, query, max(self.depth, wanted), where, run_manager)
        return await run_in_executor(None, self._refined, found, query, wanted)

    def _refined(self, documents: Sequence[Document], query: str, wanted: int) -> list[Document]:
        documents = [as_read(document) for document in documents]
        for step in self.steps:
            documents = step.compress_documents(documents, query)
        return [ranked(document, rank) for rank, document in enumerate(list(documents)[:wanted], start=1)]
