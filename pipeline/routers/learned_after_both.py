"""Routing after both arms have answered: which answer to keep, as learned from recorded answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Retrieved, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.support.decide import Decider, explained
from rlc.pipeline.routers.support.known import Known, evidence_of, known_before, with_long, with_rag
from rlc.pipeline.routers.support.split import paid

SHIPPED = "lara-after-both-1"


@dataclass(frozen=True)
class LearnedAfterBothRouter:
    """Ask both arms everything, then keep the answer that is more likely right.

    It reads the question, the passages and both answers; no model judges them. Both arms are always paid, so it is at
    home where the engine keeps what it has read of a document. Of two answers of which one failed the other is kept.
    Details are those of `LearnedRouter`.

    Attributes:
        rag: The arm that retrieves; it must show what it retrieves.
        long: The arm that reads everything.
        fit: A shipped fit's name, or a file of `rlc router fit`.
        reader: The model whose measured strength to use (see `LearnedRouter`).
        strength: How far your own reader's long arm leads its RAG arm, in place of `reader`.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "all"

    rag: Reader
    long: Reader
    fit: str = SHIPPED
    reader: str = ""
    strength: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        self._decider  # noqa: B018 - bad settings are refused here, not at the first question

    @property
    def _decider(self) -> Decider:
        return Decider.of(self.fit, self.reader, self.strength)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first, second = self.rag(examples), self.long(examples)
        found = evidence_of(self.rag, examples, first)
        before = known_before(examples, found)
        known = with_rag(before, examples, found, [answer.text for answer in first])
        return better_of(self._decider, known, examples, found, first, second)


def better_of(
    decider: Decider,
    known: Sequence[Known],
    examples: Sequence[Example],
    found: Sequence[Retrieved],
    first: Sequence[Answer],
    second: Sequence[Answer],
) -> list[Answer]:
    """Of the RAG arm's answers and the long arm's, the likelier ones, charged with both, and why.

    `known` is what was known with the RAG answers.
    """
    texts = [[answer.text for answer in answers] for answers in (first, second)]
    choices = decider.choose(examples, with_long(known, examples, found, *texts), found)
    kept = [
        paid(b, a) if (choice.long or a.error is not None) and b.error is None else paid(a, b)
        for a, b, choice in zip(first, second, choices, strict=True)
    ]
    return explained(kept, choices)
