"""Chunking at the passages that a data set marks."""

from dataclasses import dataclass

from langchain_core.documents import Document

from rlc.chunkers.base import Chunker, Span, check_text, to_chunks
from rlc.data.errors import DataError
from rlc.data.spec import Spec


@dataclass(frozen=True)
class PassagesChunker(Chunker):
    """One chunk for every passage that the data set marks: its documents, turns, sessions, however long.

    The marks are half-open character spans in the document's metadata, under `passages`; what `passage_metadata` says of each
    (its date, its speaker) becomes its chunk's metadata, by which `where` of a `rag` reader can choose. A document without marks is
    cut by `inner`; where there is none, it is an error.
    """

    inner: Chunker | None = None

    @classmethod
    def example(cls) -> Spec:
        """Documents that mark no passages are cut too."""
        return {"inner": "recursive"}

    def split(self, document: Document) -> list[Document]:
        """Cut one document at the passages that it marks.

        Raises:
            DataError: if it marks no passages and there is no `inner`, or its content is not text.
        """
        marks = document.metadata.get("passages")
        if marks is None:
            return self._inner(document.id).split(document)
        check_text(document)
        about = document.metadata.get("passage_metadata") or [{}] * len(marks)
        return to_chunks(
            document, [Span(start, end, one) for (start, end), one in zip(marks, about, strict=True)]
        )

    def spans(self, text: str) -> list[Span]:
        """The spans of `inner`: a text alone marks nothing."""
        return self._inner(None).spans(text)

    def _inner(self, name: str | None) -> Chunker:
        if self.inner is None:
            raise DataError(
                f"document {name!r} marks no passages, so there is nowhere to cut; give the passages chunker an inner "
                "one, or use another"
            )
        return self.inner
