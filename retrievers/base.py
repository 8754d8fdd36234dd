"""Base class of retrievers: one open method, `search`, for many queries at once."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Annotated, Any, ClassVar

import numpy as np
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    run_in_executor,
    set_config_context,
    var_child_runnable_config,
)
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from rlc.data.errors import UnsupportedError
from rlc.data.loads import ChunkLoad, PassageLoad

Where = Mapping[str, Any]
"""A metadata filter: `{"source": "report", "kind": ["book", "paper"], "year": {"$gte": 2000, "$lt": 2010}}`.

It keeps the documents whose field has exactly this value, one of these, or is as the operators ask
(`rlc.retrievers.index.where`), all fields together; `$and`, `$or` and `$not` join filters.
"""
RetrieverFactory = Callable[[Sequence[Document]], BaseRetriever]
"""Makes a retriever over documents, such as `BM25Retriever.from_documents`."""


class Retriever(BaseRetriever):
    """Finds the documents nearest to a query. Subclasses say how, in `search`, for a batch of queries.

    Every `Document` handed out is a copy with `relevance_score` (higher is better, on the method's own scale) and
    `rank` (from 1) in its metadata.

    Attributes:
        k: how many documents a query gets, at most; `invoke(query, k=3)` overrides it for one call.
    """

    VERSION: ClassVar[int] = 1

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    k: int = Field(default=5, ge=1)

    @classmethod
    def check_settings(cls, **settings: Any) -> None:  # noqa: ANN401 - those of `from_documents`
        """Hold settings that are fields to what the fields allow, before there are documents to index.

        Raises:
            ValueError: on the first that is not allowed.
        """
        for name, held in cls.model_fields.items():
            if name in settings and held.metadata:
                allowed: Any = Annotated[held.annotation, *held.metadata]
                try:
                    TypeAdapter(allowed).validate_python(settings[name])
                except ValidationError as error:
                    said = error.errors()[0]["msg"]
                    raise ValueError(f"{name}: {said}, got {settings[name]!r}") from error

    @classmethod
    def hands_out(cls, chunks: ChunkLoad, *, k: int = 5, **settings: Any) -> PassageLoad:  # noqa: ANN401
        """Bound what a question gets of such chunks, under settings of `from_documents`; nothing is indexed.

        Passages are chunks, or as large as those of the retrievers that stand in the settings.
        """
        values = [
            one for value in settings.values() for one in (value if isinstance(value, list) else [value])
        ]
        inner = [load.largest for value in values if (load := handed_out(value, chunks))]
        largest = max(inner, default=chunks.largest[0])
        return PassageLoad(k, largest, k * largest)

    @abstractmethod
    def search(
        self, queries: Sequence[str], k: int | None = None, where: Where | None = None
    ) -> list[list[Document]]:
        """The best `k` documents of each query, best first, ties by id; `where` keeps only some documents."""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        # What is invoked within (members, a language model) is then a child of this run for every tracer.
        with set_config_context({"callbacks": run_manager.get_child()}) as context:
            return context.run(self.search, [query], k, where)[0]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        # langchain-core's own does not hand `k` and `where` on.
        with set_config_context({"callbacks": run_manager.get_sync().get_child()}) as context:
            found = await context.run(run_in_executor, None, self.search, [query], k, where)
        return found[0]

    def batch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - langchain-core's signature
    ) -> list[list[Document]]:
        """Search for all queries at once; with a `config`, one by one, so that each query is traced."""
        if config is not None or return_exceptions:
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        return self.search(inputs, **kwargs)

    async def abatch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - langchain-core's signature
    ) -> list[list[Document]]:
        """`batch`, off the event loop."""
        return await run_in_executor(
            None, self.batch, inputs, config, return_exceptions=return_exceptions, **kwargs
        )

    def __or__(self, other: Any) -> Any:  # noqa: ANN401 - a step is none of langchain-core's runnables
        """`retriever | step` refines what is found; anything else is chained as langchain-core chains it."""
        if not isinstance(other, BaseDocumentCompressor):
            return super().__or__(other)
        from rlc.retrievers.refined import RefinedRetriever

        return RefinedRetriever(retriever=self, steps=[other], k=self.k)

    def _wanted(self, k: int | None) -> int:
        """How many documents this call asks for."""
        if k is None:
            return self.k
        if not isinstance(k, Integral) or k < 1:
            raise ValueError(f"k must be at least 1, and whole, got {k}")
        return k


def search(
    retriever: BaseRetriever, queries: Sequence[str], k: int | None = None, where: Where | None = None
) -> list[list[Document]]:
    """Search with any langchain retriever, ours or another's: the best `k` documents of each query.

    A foreign retriever is given `k` in `invoke` (where it does not know `k` it drops it) and its list is cut to `k`.

    Raises:
        UnsupportedError: if a foreign retriever is given a filter, which it might ignore without a word.
    """
    wanted = _call(retriever, k, where)
    if isinstance(retriever, Retriever):
        if (var_child_runnable_config.get() or {}).get("callbacks"):  # somebody traces: one run a query
            return [retriever.invoke(query, **wanted) for query in queries]
        return retriever.search(queries, k, where)
    return [list(found)[:k] for found in retriever.batch(list(queries), **wanted)]


async def asearch(
    retriever: BaseRetriever,
    query: str,
    k: int | None,
    where: Where | None,
    run_manager: AsyncCallbackManagerForRetrieverRun,
) -> list[Document]:
    """`search` for one query, awaiting the retriever's own `ainvoke`, as a child of the run.

    Raises:
        UnsupportedError: as `search` does.
    """
    config: RunnableConfig = {"callbacks": run_manager.get_child()}
    return list(await retriever.ainvoke(query, config, **_call(retriever, k, where)))[:k]


def _call(retriever: BaseRetriever, k: int | None, where: Where | None) -> dict[str, Any]:
    """What a retriever's `invoke` is given."""
    wanted: dict[str, Any] = {} if k is None else {"k": k}
    if where is None:
        return wanted
    if not isinstance(retriever, Retriever):
        raise UnsupportedError(
            f"{type(retriever).__name__} cannot be told to keep only {dict(where)}: "
            "filter in its own settings, or use one of rlc's retrievers"
        )
    return {**wanted, "where": where}


def handed_out(make: object, chunks: ChunkLoad) -> PassageLoad | None:
    """Bound what a question gets of a retriever that is still to be made; None where nobody can say.

    `make` is `from_documents` of one of rlc's retrievers, or a `functools.partial` of it with settings.
    """
    kind = getattr(getattr(make, "func", make), "__self__", None)
    if not (isinstance(kind, type) and issubclass(kind, Retriever)):
        return None
    return kind.hands_out(chunks, **getattr(make, "keywords", {}))


def text_of(document: Document) -> str:
    """The text that stands for the document in an index: its `text_to_embed` where it has one, else its own."""
    return str(document.metadata.get("text_to_embed", document.page_content))


def as_read(document: Document) -> Document:
    """The document as it is read: what was written in its place (`text_to_read`), where something was; else itself."""
    if "text_to_read" not in document.metadata:
        return document
    text = str(document.metadata["text_to_read"])
    return Document(id=document.id, page_content=text, metadata=document.metadata)


def id_of(document: Document) -> str:
    """The document's id, or, where it has none, its source and place, or else its text."""
    if document.id is not None:
        return document.id
    place = document.metadata
    if "source" in place and "start_index" in place:
        return f"{place['source']}:{place['start_index']}-{place.get('end_index', '')}"
    return document.page_content


def scored(document: Document, score: float, rank: int, **more: object) -> Document:
    """A copy of the document with its score and rank (from 1), and `more`, in its metadata; its vector left out."""
    metadata = {**document.metadata, "relevance_score": float(score), "rank": rank, **more}
    metadata.pop("embedding", None)
    return Document(id=document.id, page_content=document.page_content, metadata=metadata)


def ranked(document: Document, rank: int) -> Document:
    """A copy of the document with another rank (from 1) in its metadata."""
    return Document(
        id=document.id, page_content=document.page_content, metadata={**document.metadata, "rank": rank}
    )


def top_k(
    scores: NDArray[np.floating[Any]], ties: NDArray[np.int64], k: int, above: float | None = None
) -> NDArray[np.int64]:
    """The places of the `k` highest scores, best first; equal scores in the order of `ties`, also at the cut.

    Only scores higher than `above` count, where it is given.
    """
    # The kth highest of some stripes' maxima is no higher than the kth score, and found 50 times as fast.
    stripes = min(64, len(scores) // k)
    if stripes:
        width = len(scores) // stripes
        highest = scores[: stripes * width].reshape(stripes, width).max(axis=0)
        cut = np.partition(highest, width - k)[width - k]
    if stripes and (above is None or cut > above):
        candidates = np.flatnonzero(scores >= cut)
    else:
        candidates = np.arange(len(scores)) if above is None else np.flatnonzero(scores > above)
    order = np.lexsort((ties[candidates], -scores[candidates]))
    return np.asarray(candidates[order[:k]], dtype=np.int64)
