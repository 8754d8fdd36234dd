"""Self-Route: ask with passages, and read the whole document where the answer is that they do not tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Role
from rlc.data.records import Answer, Example
from rlc.data.text.abstention import abstains
from rlc.pipeline.routers.support.split import ask_where, paid

INSTRUCTION = 'Write "unanswerable" if the question cannot be answered from the given text.'


@dataclass(frozen=True)
class SelfRoute:
    """Ask `rag`; ask `long` where it refused or failed. Both costs are charged.

    The published rule gives the retrieving arm one more instruction (`INSTRUCTION`, the setting `instruction` of
    `RagReader`) and not the long arm. A refusal is an answer that opens by saying that the text does not tell, in
    whatever words: so the rule also replays over answers that were recorded without the instruction. Where a
    question has no answer in its document, the refusal was right, and the rule pays twice for a chance to spoil it.

    Source: Li et al., Retrieval Augmented Generation or Long-Context LLMs?, EMNLP 2024 industry track,
    arXiv 2407.16833.
    """

    VERSION: ClassVar[int] = 2  # abstentions in other languages than English
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "all"

    rag: Reader
    long: Reader

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first = self.rag(examples)
        refused = [answer.error is not None or abstains(answer.text) for answer in first]
        second = ask_where(examples, refused, self.long)
        kept = [a if b is None else paid(b, a) for a, b in zip(first, second, strict=True)]
        return [
            replace(answer, details={**answer.details, "refused": refusal})
            for answer, refusal in zip(kept, refused, strict=True)
        ]
