"""Base class of chunkers: a subclass gives spans of a text, the base makes langchain-core documents of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from langchain_core.documents import BaseDocumentTransformer, Document
from langchain_core.embeddings import Embeddings

from rlc.data.errors import DataError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import Tokenizer
from rlc.data.records import document_name
from rlc.data.tokens import count_once, densest


@dataclass(frozen=True)
class Span:
    """The half-open character span `text[start:end]`, and what its chunk's metadata should say besides."""

    start: int
    end: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Chunker(BaseDocumentTransformer, ABC):
    """Cut documents into chunks. Subclasses say where; this class does the bookkeeping.

    Every chunk is an exact slice: `text[start_index:end_index] == page_content`. Its metadata is the document's,
    with `source`, `start_index`, `end_index` (half-open, in characters of the source) and `chunk_index` (counted
    from 0 in each document); its id is `"{source}:{start_index}-{end_index}"`. The source is the document's id,
    else its `source`, else a digest of its text. A span that holds only white space gives no chunk.

    A method that rewrites what is to be embedded puts that into `text_to_embed` and leaves `page_content` the
    slice; one that wrote what is to be read in the slice's place puts it into `text_to_read`; one that has embedded the chunk already puts the unit vector into `embedding` (float32, [dimension])
    and the encoder's name into `embedding_model`; one that spent model tokens puts their number into
    `index_tokens`. A `suffix` in a span's metadata is taken out and ends the id, for methods that give one span
    to several chunks.
    """

    VERSION: ClassVar[int] = 3  # sizes are bounded by bytes, too

    @abstractmethod
    def spans(self, text: str) -> list[Span]:
        """Return the spans to keep, in reading order; they may overlap."""

    def largest(self, text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """Bound the tokens of any chunk of the text without cutting it, then those of a chunk's parents, nearest first.

        A chunker with a `size` of its own `tokenizer` gives what so many of its tokens have at most in the other's;
        any other the whole text, which no chunk exceeds.
        """
        size, own = getattr(self, "size", None), getattr(self, "tokenizer", None)
        if size is None or own is None:
            return (count_once(tokenizer, text),)
        return (densest(text, size, own, tokenizer),)

    def prepares(self, document: Document) -> list[PromptLoad]:  # noqa: ARG002 - most ask nothing
        """Bound the prompts that cutting the document asks of a language model; nothing is asked."""
        return []

    def split(self, document: Document) -> list[Document]:
        """Cut one document into chunks.

        Raises:
            DataError: if its content is not text, or holds a lone surrogate (which no encoder can take).
        """
        check_text(document)
        if not document.page_content.strip():
            return []
        return to_chunks(document, self.spans(document.page_content))

    def transform_documents(self, documents: Sequence[Document], **kwargs: Any) -> list[Document]:  # noqa: ANN401
        """Cut every document; the chunks come in the documents' order.

        Raises:
            DataError: as for `split`.
            TypeError: on any keyword, since the settings belong to the constructor.
        """
        if kwargs:
            raise TypeError(f"unknown setting {min(kwargs)!r}: give settings to {type(self).__name__}(...)")
        return [chunk for document in documents for chunk in self.split(document)]

    def split_documents(self, documents: Sequence[Document]) -> list[Document]:
        """`transform_documents`, under the name of langchain's text splitters."""
        return self.transform_documents(documents)

    def split_text(self, text: str) -> list[str]:
        """Cut a text; the chunks' texts."""
        return [chunk.page_content for chunk in self.split(Document(page_content=text))]


def to_chunks(document: Document, spans: Sequence[Span]) -> list[Document]:
    """Slice a document; blank spans are left out."""
    text, source = document.page_content, document_name(document)
    kept = {
        key: value for key, value in document.metadata.items() if not key.startswith("passage")
    }  # a chunk marks none
    chunks: list[Document] = []
    for span in spans:
        content = text[span.start : span.end]
        if not content.strip():
            continue
        extra = dict(span.metadata)
        suffix = extra.pop("suffix", "")
        place = {
            "source": source,
            "start_index": span.start,
            "end_index": span.end,
            "chunk_index": len(chunks),
        }
        chunks.append(
            Document(
                id=f"{source}:{span.start}-{span.end}{suffix}",
                page_content=content,
                metadata={**kept, **place, **extra},
            )
        )
    return chunks


def check_text(document: Document) -> None:
    """Refuse what is not text.

    Raises:
        DataError: naming the document and, for a lone surrogate, its position.
    """
    text: object = document.page_content
    if not isinstance(text, str):
        raise DataError(
            f"document {document.id!r}: expected text, got {type(text).__name__}; decode it first"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"document {document.id!r}: character {error.start} is a lone surrogate "
            f"(U+{ord(text[error.start]):04X}), which is not text; decode the file with its right encoding"
        ) from error


def check_encoder(encoder: object) -> None:
    """Refuse langchain's `Embeddings`, which do not tell their window.

    Raises:
        TypeError: naming the wrapper that does.
    """
    if isinstance(encoder, Embeddings):
        raise TypeError(
            f"langchain's Embeddings do not tell their window: give LangChainEncoder({type(encoder).__name__}(...), "
            "window=...) of rlc.retrievers.encoders"
        )


def check_size(size: int, overlap: int = 0) -> None:
    """Check a chunk size and an overlap, both in tokens.

    Raises:
        ValueError: with the values.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 token, got size={size}")
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be in [0, size), got overlap={overlap}, size={size}")
