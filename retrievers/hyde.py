"""Query expansion by a hypothetical passage."""

from rlc.retrievers.support.expansion import ExpansionRetriever


class HydeRetriever(ExpansionRetriever):
    """Searches for a passage that might answer the query: an invented one is nearer to the true one than a question.

    Source: Gao et al., HyDE, ACL 2023, arXiv 2212.10496. There the vectors of query and passages are averaged;
    here their rankings are fused, so that any retriever can be asked.
    """

    def queries_in(self, answer: str) -> list[str]:
        return [answer.strip()] if answer.strip() else []
