"""Selection by maximal marginal relevance."""

from collections.abc import Sequence

from langchain_core.documents import Document
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from pydantic import Field, field_validator

from rlc.data.loads import PassageLoad
from rlc.data.protocols import Encoder
from rlc.retrievers.base import text_of
from rlc.retrievers.encoders.langchain import as_encoder
from rlc.retrievers.support.compressor import Compressor


class MaximalMarginalRelevance(Compressor):
    """Chooses up to `k` documents that are near the query and unlike each other.

    Each step takes the d with the largest trade * cos(q, d) - (1 - trade) * max over chosen c of cos(c, d); of
    equals the first.

    Source: Carbonell and Goldstein, SIGIR 1998, doi:10.1145/290941.291025; langchain-core's implementation.
    """

    encoder: Encoder
    _taken = field_validator("encoder", mode="before")(as_encoder)
    k: int = Field(default=5, ge=1)
    trade: float = Field(default=0.5, ge=0, le=1)

    def lets_through(self, load: PassageLoad) -> PassageLoad:
        return load.at_most(self.k)

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:
        """The chosen documents, in the order in which they were chosen."""
        if not documents:
            return []
        vectors = self.encoder.encode_documents([text_of(document) for document in documents])
        [question] = self.encoder.encode_queries([query])
        return [documents[i] for i in maximal_marginal_relevance(question, list(vectors), self.trade, self.k)]
