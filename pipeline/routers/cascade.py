"""A cascade of readers, cheapest first: the next is asked where an answer gives up or says what nobody read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Role
from rlc.data.records import Answer, Example, evidence_in
from rlc.data.text.abstention import abstains
from rlc.pipeline.routers.support.answer_features import answer_features
from rlc.pipeline.routers.support.features import text_of
from rlc.pipeline.routers.support.split import ask_where, chosen, paid


@dataclass(frozen=True)
class Cascade:
    """Ask readers in order until an answer holds; every one that was asked is charged.

    An answer holds if it came, does not refuse, and at least `support` of its content words stand in what its reader
    read. Of a reader that shows no evidence the last is not asked. The last reader's answer is kept as it is; where it
    failed, the last one before it that came.

    Source: after FrugalGPT (Chen et al., arXiv 2305.05176); there a fitted scorer decides, here a rule.

    Attributes:
        arms: The readers, cheapest first; at least two.
        support: The least share of an answer's content words, 0 to 1; 0 asks on after refusals and failures alone.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "all"

    arms: Sequence[Reader]
    support: float = 0.5

    def __post_init__(self) -> None:
        if len(self.arms) < 2 or not 0 <= self.support <= 1:
            raise ValueError(
                f"a cascade needs at least two arms and a support in [0, 1], got {len(self.arms)} arms and {self.support}"
            )

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        answers = self.arms[0](examples)
        asked = [1] * len(examples)
        for arm in self.arms[1:]:
            goes_on = [not self._holds(e, answer) for e, answer in zip(examples, answers, strict=True)]
            later = ask_where(examples, goes_on, arm)
            asked = [count + again for count, again in zip(asked, goes_on, strict=True)]
            answers = [
                a if b is None else chosen(a, b) if b.error is not None and a.error is None else paid(b, a)
                for a, b in zip(answers, later, strict=True)
            ]
        return [
            replace(answer, details={**answer.details, "arms_asked": count})
            for answer, count in zip(answers, asked, strict=True)
        ]

    def _holds(self, example: Example, answer: Answer) -> bool:
        if answer.error is not None or abstains(answer.text):
            return False
        evidence = evidence_in(example.document_id, answer.evidence)
        if not evidence:
            return True
        document = text_of(example.document.page_content)
        return (
            answer_features(example.question, answer.text, document, evidence)["answer_support"]
            >= self.support
        )
