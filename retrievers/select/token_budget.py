"""Selection by tokens."""

from collections.abc import Sequence

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.protocols import Tokenizer
from rlc.data.spec import Spec
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.support.compressor import Compressor


class TokenBudget(Compressor):
    """The longest beginning of the ranking that has at most `tokens` tokens."""

    tokens: int = Field(ge=1)
    tokenizer: Tokenizer = Field(default_factory=ApproximateTokenizer)

    @classmethod
    def example(cls) -> Spec:
        """The settings that have no default."""
        return {"tokens": 50}

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002
        """The first documents, as long as they fit together."""
        totals = np.cumsum([self.tokenizer.count(document.page_content) for document in documents])
        return list(documents[: int(np.searchsorted(totals, self.tokens, side="right"))])
