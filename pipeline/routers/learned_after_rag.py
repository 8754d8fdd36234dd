"""Routing after the RAG arm has answered: what the answer says of itself joins what was known before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.protocols import Pays
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.learned import LearnedRouter
from rlc.pipeline.routers.support.decide import explained
from rlc.pipeline.routers.support.known import evidence_of, known_before, with_rag
from rlc.pipeline.routers.support.split import ask_where, paid

SHIPPED = "lara-after-rag-2"


@dataclass(frozen=True)
class LearnedAfterRagRouter(LearnedRouter):
    """Let the RAG arm answer everything, then ask long context again where that is expected to gain.

    Where it falls through, both arms are paid. A RAG answer that failed is always asked again. Settings and details
    are those of `LearnedRouter`.
    """

    VERSION: ClassVar[int] = 4  # decided by boosted trees
    pays: ClassVar[Pays] = "all"

    fit: str = SHIPPED

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first = self.rag(examples)
        found = evidence_of(self.rag, examples, first)
        before = known_before(examples, found)
        rows = with_rag(before, examples, found, [answer.text for answer in first])
        choices = self._decider.choose(examples, rows, found)
        again = [
            choice.long or answer.error is not None for choice, answer in zip(choices, first, strict=True)
        ]
        second = ask_where(examples, again, self.long)
        kept = [b if b is None else paid(b, a) for a, b in zip(first, second, strict=True)]
        return explained([b or a for a, b in zip(first, kept, strict=True)], choices)
