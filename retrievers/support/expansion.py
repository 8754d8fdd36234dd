"""Query expansion: a language model writes what to search for."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.config import run_in_executor, set_config_context
from pydantic import Field, field_validator

from rlc.data.errors import EngineError
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Prompt
from rlc.retrievers.base import Where, asearch, id_of, scored, search
from rlc.retrievers.fuse.ranks import reciprocal_rank_fusion
from rlc.retrievers.support.nested import NestedRetriever


class ExpansionRetriever(NestedRetriever):
    """Searches for the query and for what a language model makes of it, and fuses the rankings by RRF.

    Subclasses say what the model is asked, in their prompt file, and how its answer becomes queries, in `queries_in`.

    Attributes:
        retriever: does the searching.
        llm: writes the queries.
        depth: how many documents each search gives to the fusion (at least `k`).
        include_query: search for the query as it was asked, too.
        max_tokens: the longest answer of the model.
        prompt: what the model is asked.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"ask.question": ("query",)}

    retriever: BaseRetriever
    llm: LLM
    depth: int = Field(default=50, ge=1)
    include_query: bool = True
    max_tokens: int = Field(default=200, ge=1)
    prompt: PromptFile = ENGLISH

    @field_validator("llm", mode="before")
    @classmethod
    def _engine(cls, llm: object) -> object:
        if isinstance(llm, BaseChatModel):
            raise ValueError(  # noqa: TRY004 - what pydantic reports as a bad field
                f"a chat model does not tell its window: give LangChainLLM({type(llm).__name__}(...), window=...) of "
                "rlc.pipeline.llms"
            )
        return llm

    def request(self, query: str) -> Prompt:
        """What the model is asked."""
        return read_prompts(type(self), self.prompt).prompt("ask", query=query)

    @abstractmethod
    def queries_in(self, answer: str) -> list[str]:
        """What to search for."""

    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The fused ranking of each query.

        Raises:
            EngineError: if the model gives no answer, or one that holds no query where the query itself is not
                searched for.
        """
        wanted = self._wanted(k)
        expanded = self.expand(queries)
        flat = [text for texts in expanded for text in texts]
        found = iter(search(self.retriever, flat, max(self.depth, wanted), where))
        return [fuse([next(found) for _ in texts])[:wanted] for texts in expanded]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        """Expand off the event loop, then await the retriever's own searches, all at once."""
        wanted = self._wanted(k)
        with set_config_context({"callbacks": run_manager.get_sync().get_child()}) as context:
            [texts] = await context.run(run_in_executor, None, self.expand, [query])
        depth = max(self.depth, wanted)
        asked = (asearch(self.retriever, text, depth, where, run_manager) for text in texts)
        return fuse(await asyncio.gather(*asked))[:wanted]

    def expand(self, queries: Sequence[str]) -> list[list[str]]:
        """What is searched for, for each query."""
        prompts = [self.request(query) for query in queries]
        generations = self.llm.generate(prompts, max_tokens=self.max_tokens)
        expanded = []
        for query, generation in zip(queries, generations, strict=True):
            if generation.error is not None:
                raise EngineError(f"{self.llm.name} expanded no query: {generation.error}")
            own = [query] if self.include_query else []
            texts = list(dict.fromkeys([*own, *self.queries_in(generation.text)]))
            if not texts:
                raise EngineError(
                    f"{self.llm.name} wrote nothing to search for, for {query!r}: set include_query, or use a "
                    "larger model"
                )
            expanded.append(texts)
        return expanded


def fuse(rankings: Sequence[Sequence[Document]]) -> list[Document]:
    """One ranking out of several of the same retriever."""
    documents = {id_of(document): document for ranking in reversed(rankings) for document in ranking}
    fused = reciprocal_rank_fusion([[id_of(document) for document in ranking] for ranking in rankings])
    return [scored(documents[id_], score, rank) for rank, (id_, score) in enumerate(fused, start=1)]
