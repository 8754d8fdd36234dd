"""Routing after the RAG arm has answered: what the answer says of itself joins what was known before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Retrieved, retrieve
from rlc.data.records import Answer, Example, evidence_in
from rlc.pipeline.routers.learned import LearnedRouter, known_before
from rlc.pipeline.routers.support.answer_features import answer_features
from rlc.pipeline.routers.support.features import text_of

SHIPPED = "lara-after-rag-1"


@dataclass(frozen=True)
class LearnedAfterRagRouter(LearnedRouter):
    """Let the RAG arm answer everything, then ask long context again where that is expected to gain.

    Where it falls through, both arms are paid. A RAG answer that failed is always asked again. Settings and details
    are those of `LearnedRouter`.
    """

    VERSION: ClassVar[int] = 3  # the shipped fit has folds
    pays: ClassVar[Pays] = "all"

    fit: str = SHIPPED

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first = self.rag(examples)
        found = evidence_of(self.rag, examples, first)
        rows = [
            known
            | answer_features(
                example.question,
                answer.text,
                text_of(example.document.page_content),
                evidence_in(example.document_id, searched.evidence),
            )
            for example, answer, searched, known in zip(
                examples, first, found, known_before(examples, found), strict=True
            )
        ]
        choices = self._decider.choose(examples, rows, found)
        again = [i for i, choice in enumerate(choices) if choice.long or first[i].error is not None]
        second = dict(zip(again, self.long([examples[i] for i in again]) if again else [], strict=True))
        answers = [
            replace(second[i], usage=answer.usage + second[i].usage) if i in second else answer
            for i, answer in enumerate(first)
        ]
        return [
            replace(answer, details={**answer.details, **choice.details})
            for answer, choice in zip(answers, choices, strict=True)
        ]


def evidence_of(rag: Reader, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Retrieved]:
    """What the answers were given on; the reader is asked for it only where an answer does not say."""
    silent = [i for i, answer in enumerate(answers) if not answer.evidence]
    shown = dict(zip(silent, retrieve(rag, [examples[i] for i in silent]) if silent else [], strict=True))
    return [shown[i] if i in shown else Retrieved(answer.evidence) for i, answer in enumerate(answers)]
