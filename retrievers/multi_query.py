"""Query expansion by rewordings."""

import re

from pydantic import Field

from rlc.retrievers.support.expansion import ExpansionRetriever

REWRITE = (
    "Write {count} other ways to ask the following question, with other words for the same things. "
    "One a line, without numbers.\n\nQuestion: {query}"
)


class MultiQueryRetriever(ExpansionRetriever):
    """Asks in several ways (RAG-Fusion).

    Attributes:
        count: how many other ways.

    Source: Rackauckas, RAG-Fusion, arXiv 2402.03367.
    """

    count: int = Field(default=3, ge=1)

    def request(self, query: str) -> str:
        return REWRITE.format(count=self.count, query=query)

    def queries_in(self, answer: str) -> list[str]:
        """The lines, without bullets and numbers."""
        lines = [re.sub(r"^\s*(?:[-*•]|\d+[.)])\s*", "", line).strip() for line in answer.splitlines()]
        return [line for line in lines if line][: self.count]
