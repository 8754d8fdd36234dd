"""Routing after both arms have answered: which answer to keep, as learned from recorded answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Retrieved, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.support.decide import Decider, explained
from rlc.pipeline.routers.support.known import (
    Known,
    evidence_of,
    known_before,
    with_long,
    with_panel,
    with_rag,
)
from rlc.pipeline.routers.support.split import chosen

SHIPPED = "lara-after-both-1"
WITH_PANEL = "lara-panel-1"


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
        panel: Other readers that answer too, cheap ones of other model families, say. How far they agree with each arm
            joins what is known, so `fit` must be one that was made with a panel, such as `lara-panel-1`. They are paid.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    made_for: ClassVar[str] = "English"  # its shipped fit
    pays: ClassVar[Pays] = "all"

    rag: Reader
    long: Reader
    fit: str = SHIPPED
    reader: str = ""
    strength: Mapping[str, float] | None = None
    panel: Sequence[Reader] = ()

    def __post_init__(self) -> None:
        knows_panel = any(name.startswith("panel_") for name in self._decider.model.features)
        if knows_panel != bool(self.panel):
            wants = (
                "was made with a panel: give one"
                if knows_panel
                else f"knows no panel: take fit = {WITH_PANEL!r}"
            )
            raise ValueError(f"the fit {self.fit!r} {wants}")

    @property
    def _decider(self) -> Decider:
        return Decider.of(self.fit, self.reader, self.strength)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first, second = self.rag(examples), self.long(examples)
        found = evidence_of(self.rag, examples, first)
        before = known_before(examples, found)
        known = with_rag(before, examples, found, [answer.text for answer in first])
        if not self.panel:
            return better_of(self._decider, known, examples, found, first, second)
        said = [reader(examples) for reader in self.panel]
        others = [[answers[i].text for answers in said] for i in range(len(examples))]
        kept = better_of(self._decider, known, examples, found, first, second, others)
        return [chosen(answer, *(answers[i] for answers in said)) for i, answer in enumerate(kept)]


def better_of(
    decider: Decider,
    known: Sequence[Known],
    examples: Sequence[Example],
    found: Sequence[Retrieved],
    first: Sequence[Answer],
    second: Sequence[Answer],
    panel: Sequence[Sequence[str]] | None = None,
) -> list[Answer]:
    """Of the RAG arm's answers and the long arm's, the likelier ones, charged with both, and why.

    `known` is what was known with the RAG answers, `panel` what a panel answered to each question, if there is one.
    """
    rag, long = ([answer.text for answer in answers] for answers in (first, second))
    rows = with_long(known, examples, found, rag, long)
    if panel is not None:
        rows = with_panel(rows, rag, long, panel)
    choices = decider.choose(examples, rows, found)
    kept = [
        chosen(b, a) if (choice.long or a.error is not None) and b.error is None else chosen(a, b)
        for a, b, choice in zip(first, second, choices, strict=True)
    ]
    return explained(kept, choices)
