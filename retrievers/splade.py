"""Learned sparse retrieval: an inverted index of the terms that a language model finds in texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from langchain_core.documents import Document

from rlc.data.errors import StoreError
from rlc.data.protocols import SparseEncoder
from rlc.retrievers.base import text_of
from rlc.retrievers.index.collection import Collection
from rlc.retrievers.index.postings import Postings
from rlc.retrievers.index.storage import IndexReader, IndexWriter
from rlc.retrievers.support.inverted import InvertedRetriever, QueryTerms


class SpladeRetriever(InvertedRetriever):
    """Ranks documents by the terms that a model finds in them and in the query, whether or not these words stand there.

    score(q, d) = sum over terms t of w_q(t) * w_d(t), with the weights of a learned sparse encoder.

    Source: Formal et al., SPLADE, SIGIR 2021, arXiv 2107.05720.
    """

    encoder: SparseEncoder

    @classmethod
    def from_documents(cls, documents: Sequence[Document], *, encoder: SparseEncoder, k: int = 5) -> Self:
        """Weigh the terms of the documents and index them.

        Args:
            documents: at least one.
            encoder: weighs terms, such as `rlc.retrievers.encoders.splade.SpladeEncoder`.
            k: how many documents a query gets.

        Raises:
            DataError: if there is no document, or the encoder refuses a long one.
        """
        collection = Collection.of(documents)
        vectors = encoder.weigh_documents([text_of(document) for document in documents])
        return cls(
            collection=collection, encoder=encoder, postings=Postings.of(vectors, encoder.dimension), k=k
        )

    def query_terms(self, queries: Sequence[str]) -> Iterator[QueryTerms]:
        for terms, weights in self.encoder.weigh_queries(queries):
            yield QueryTerms(terms.tolist(), weights.tolist())

    def save(self, folder: Path | str) -> None:
        """Write the index into a folder, with what its encoder was; an index that is there is replaced in one step."""
        writer = IndexWriter(Path(folder))
        writer.collection(self.collection)
        self.postings.write(writer)
        writer.commit("splade", {"encoder": self.encoder.name})

    @classmethod
    def open(cls, folder: Path | str, *, encoder: SparseEncoder, k: int = 5) -> Self:
        """Open a saved index by memory map, with the encoder that made it.

        Raises:
            StoreError: if there is none, a file is missing, truncated or changed, or the encoder is another.
        """
        reader = IndexReader.open(Path(folder), "splade")
        if (made_by := reader.settings["encoder"]) != encoder.name:
            raise StoreError(
                f"the index in {folder} was made by {made_by!r}, this encoder is {encoder.name!r}: open it with that "
                "encoder, or build it again"
            )
        collection = reader.collection()
        return cls(
            collection=collection, encoder=encoder, postings=Postings.read(reader, len(collection)), k=k
        )
