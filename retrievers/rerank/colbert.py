"""Reranking by a model that was trained for late interaction."""

from collections.abc import Sequence

from rlc.data.protocols import Floats, MultiVectorEncoder
from rlc.retrievers.rerank.base import Reranker
from rlc.retrievers.support.late_interaction import maxsim, one_after_the_other


class ColBERTReranker(Reranker):
    """Scores passages by late interaction over the vectors of a ColBERT checkpoint.

    Source: Khattab and Zaharia, ColBERT, SIGIR 2020, doi:10.1145/3397271.3401075.
    """

    encoder: MultiVectorEncoder

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """Sums of the query vectors' largest inner products, float32 [texts]."""
        [asked] = self.encoder.encode_query_tokens([query])
        return maxsim(asked, *one_after_the_other(self.encoder.encode_document_tokens(texts)))
