"""From documents to what can be searched, with what that cost."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ValidationError

from rlc.chunkers.base import Chunker
from rlc.data.errors import UsageError
from rlc.data.lazy import import_needs
from rlc.data.loads import ChunkLoad, PassageLoad
from rlc.data.protocols import Tokenizer
from rlc.data.records import Usage, document_name
from rlc.data.tokens import count_once
from rlc.retrievers.base import RetrieverFactory, handed_out
from rlc.retrievers.support.compressor import let_through


class Indexed(NamedTuple):
    """A retriever over the passages of some documents, and what making it cost."""

    retriever: BaseRetriever
    cost: Usage


def index_documents(
    chunker: BaseDocumentTransformer,
    make_retriever: RetrieverFactory,
    documents: Sequence[Document],
    now: Callable[[], float] = time.perf_counter,
) -> Indexed:
    """Cut the documents and index the pieces together; `now` tells the time in seconds.

    Raises:
        DataError: if they cannot be cut, or give no passage.
        UsageError: if the retriever refuses its settings.
    """
    started = now()
    chunks = chunker.transform_documents(documents)
    tokens = sum(chunk.metadata.get("index_tokens", 0) for chunk in chunks)
    try:
        retriever = make_retriever(chunks)
    except ValidationError as error:  # a setting is off, so every question would fail alike
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise UsageError(f"the retriever refuses its settings: {said}") from error
    seconds = now() - started
    return Indexed(retriever, Usage(index_tokens=tokens, index_seconds=seconds, seconds=seconds))


def warm(parts: Iterable[object]) -> None:
    """Import and load what parts work with, before a clock starts; those of other libraries cannot say.

    What makes retrievers is known by its class, with the retrievers inside it.
    """
    for part in parts:
        if isinstance(part, partial):
            warm([part.func, *part.args, *part.keywords.values()])
        elif isinstance(part, list | tuple):
            warm(part)
        else:
            import_needs(getattr(part, "__self__", part))
            if load := getattr(part, "warm", None):
                load()


def passage_load(
    chunker: BaseDocumentTransformer,
    index: RetrieverFactory,
    steps: Sequence[BaseDocumentCompressor],
    documents: Sequence[Document],
    tokenizer: Tokenizer,
) -> PassageLoad | None:
    """Bound the passages that a question gets, in tokens of `tokenizer`; None where a part cannot say.

    The chunker says how large a chunk may be, the retriever how many it hands out and how they grow, every step what it
    lets through. Parts that are not rlc's say nothing.
    """
    if not isinstance(chunker, Chunker):
        return None
    bounds = [chunker.largest(document.page_content, tokenizer) for document in documents]
    whole = sum(count_once(tokenizer, document.page_content) for document in documents)
    load = handed_out(index, ChunkLoad(tuple(map(max, zip(*bounds, strict=True))), whole))
    return let_through(steps, load)


def by_name(documents: Sequence[Document]) -> Mapping[str, Document]:
    """The documents of a collection by name.

    Raises:
        ValueError: if there is none, or two have one name: a passage could not say which it is from.
    """
    if not documents:
        raise ValueError(
            "expected a collection of at least one document, got none; None searches each question's own"
        )
    named: dict[str, Document] = {}
    for document in documents:
        name = document_name(document)
        if name in named:
            raise ValueError(
                f"two documents of the collection are called {name!r}; give each an id of its own"
            )
        named[name] = document
    return named
