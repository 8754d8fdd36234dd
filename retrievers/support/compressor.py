"""Base class of the steps after retrieval (selectors, rerankers, pruners): query and documents in, documents out."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict

from rlc.data.loads import PassageLoad


class Compressor(BaseDocumentCompressor):
    """A step after retrieval. Subclasses say what becomes of the documents, in `refine`, without changing them."""

    VERSION: ClassVar[int] = 1

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def warm(self) -> None:
        """Load what the first question would have to wait for: it would be charged for it."""

    def lets_through(self, load: PassageLoad) -> PassageLoad:
        """Bound what goes on to the reader of such passages: all of them, unless a subclass promises less."""
        return load

    @abstractmethod
    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:
        """The documents, best first, that go on to the reader."""

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002 - langchain-core's signature
    ) -> list[Document]:
        """`refine`, under langchain-core's name."""
        return self.refine(documents, query)


def let_through(steps: Sequence[BaseDocumentCompressor], load: PassageLoad | None) -> PassageLoad | None:
    """Bound what the steps leave of passages; None where one cannot say."""
    for step in steps:
        if load is None or not isinstance(step, Compressor):
            return None
        load = step.lets_through(load)
    return load


def score_of(document: Document) -> float:
    """The score that the step before gave.

    Raises:
        ValueError: if it gave none.
    """
    if "relevance_score" not in document.metadata:
        raise ValueError(
            f"document {document.id!r} has no relevance_score: this step needs a retriever or reranker before it"
        )
    return float(document.metadata["relevance_score"])
