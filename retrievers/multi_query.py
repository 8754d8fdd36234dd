"""Query expansion by rewordings."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from rlc.data.prompt_files import read_prompts
from rlc.data.protocols import Prompt
from rlc.retrievers.support.expansion import ExpansionRetriever


class MultiQueryRetriever(ExpansionRetriever):
    """Asks in several ways (RAG-Fusion).

    Attributes:
        count: how many other ways.

    Source: Rackauckas, RAG-Fusion, arXiv 2402.03367.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"ask.question": ("query", "count?")}

    count: int = Field(default=3, ge=1)

    def request(self, query: str) -> Prompt:
        return read_prompts(type(self), self.prompt).prompt("ask", query=query, count=self.count)

    def queries_in(self, answer: str) -> list[str]:
        """The lines, without bullets and numbers."""
        lines = [re.sub(r"^\s*(?:[-*•]|\d+[.)])\s*", "", line).strip() for line in answer.splitlines()]
        return [line for line in lines if line][: self.count]
