"""Late interaction over the vectors of a model that was trained for it."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from langchain_core.documents import Document

from rlc.data.protocols import Floats, MultiVectorEncoder
from rlc.retrievers.base import text_of
from rlc.retrievers.index.collection import Collection
from rlc.retrievers.support.late_interaction import LateInteractionRetriever, one_after_the_other


class ColBERTRetriever(LateInteractionRetriever):
    """Ranks passages by late interaction over the vectors of a ColBERT checkpoint, every passage compared.

    Source: Khattab and Zaharia, ColBERT, SIGIR 2020, doi:10.1145/3397271.3401075; its index of centroids is for
    collections, and is not needed here.
    """

    encoder: MultiVectorEncoder

    @classmethod
    def from_documents(
        cls, documents: Sequence[Document], *, encoder: MultiVectorEncoder, k: int = 5
    ) -> Self:
        """Embed every token of the documents.

        Args:
            documents: at least one.
            encoder: such as `rlc.retrievers.encoders.colbert.ColBERTEncoder`.
            k: how many documents a query gets.

        Raises:
            DataError: if there is no document.
        """
        collection = Collection.of(documents)
        vectors = encoder.encode_document_tokens([text_of(document) for document in documents])
        tokens, starts = one_after_the_other(vectors)
        return cls(
            collection=collection, encoder=encoder, tokens=tokens.astype(np.float16), starts=starts, k=k
        )

    def query_vectors(self, queries: Sequence[str]) -> list[Floats]:
        return self.encoder.encode_query_tokens(queries)
