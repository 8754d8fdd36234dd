"""Routing by the document's length alone: the simplest rule, and the one to beat."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Role, Tokenizer
from rlc.data.records import Answer, Example
from rlc.data.tokens import ApproximateTokenizer, count_once
from rlc.pipeline.routers.support.split import answer_split


@dataclass(frozen=True)
class LengthRouter:
    """Read documents of at most `threshold` tokens whole; retrieve from longer ones.

    Long context is ahead on short documents and for strong models, retrieval on long ones (LaRA,
    arXiv 2502.09977). The threshold is a setting, not a finding: choose it for your reader's window and price.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "chosen"

    rag: Reader
    long: Reader
    threshold: int = 4000
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)

    def __post_init__(self) -> None:
        if self.threshold < 0:
            raise ValueError(f"threshold must not be negative, got {self.threshold}")

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        tokens = [count_once(self.tokenizer, example.document.page_content) for example in examples]
        answers = answer_split(examples, [count <= self.threshold for count in tokens], self.rag, self.long)
        return [
            replace(answer, details={**answer.details, "document_tokens": count, "threshold": self.threshold})
            for answer, count in zip(answers, tokens, strict=True)
        ]
