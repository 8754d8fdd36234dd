"""Routing in two stages: buy the long answer only where it may pay, then keep the better of both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.protocols import Pays
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.learned import LearnedRouter
from rlc.pipeline.routers.learned_after_both import SHIPPED as SHIPPED_AFTER_BOTH
from rlc.pipeline.routers.learned_after_both import better_of
from rlc.pipeline.routers.learned_after_rag import SHIPPED as SHIPPED_AFTER_RAG
from rlc.pipeline.routers.support.decide import Decider, explained
from rlc.pipeline.routers.support.gain_model import load_model
from rlc.pipeline.routers.support.known import evidence_of, known_before, with_rag
from rlc.pipeline.routers.support.price import paid_share

PRICE = 0.0016  # at which it read 44% of always-long's tokens on documents of LaRA that it had not seen


@dataclass(frozen=True)
class BuyThenChoose(LearnedRouter):
    """Let the RAG arm answer everything, buy the long answer where it alone may be right, and keep the better one.

    The first stage holds P(long alone is right), seen after the RAG answer, against the price of reading; the second
    is `learned-after-both`. At price 0 every long answer is bought. A RAG answer that failed is always asked again.
    Settings and details are those of `LearnedRouter`; where the long answer was bought they are the second stage's, and
    `bought` says whether it was, and `worth` is what the first stage held against the price.

    Attributes:
        chooser: The fit of the second stage. Its curve says where a `budget` leads.
        price: As there; at first the one that reads somewhat less than half of what long context alone reads.
    """

    VERSION: ClassVar[int] = 2
    pays: ClassVar[Pays] = "all"

    fit: str = SHIPPED_AFTER_RAG
    chooser: str = SHIPPED_AFTER_BOTH
    price: float = PRICE

    def __post_init__(self) -> None:
        super().__post_init__()
        self._chooser  # noqa: B018 - a bad fit is refused here

    @property
    def _decider(self) -> Decider:
        price = self.price
        if self.budget is not None:
            share = paid_share(self.questions_per_document, self.cached)
            price = load_model(self.chooser).price_of(self.budget, share)
        return Decider.of(
            self.fit,
            self.reader,
            self.strength,
            price,
            cached=self.cached,
            questions_per_document=self.questions_per_document,
            weighs="chance",
        )

    @property
    def _chooser(self) -> Decider:
        return Decider.of(self.chooser, self.reader, self.strength)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first = self.rag(examples)
        found = evidence_of(self.rag, examples, first)
        known = with_rag(known_before(examples, found), examples, found, [answer.text for answer in first])
        choices = self._decider.choose(examples, known, found)
        bought = [
            i
            for i, (choice, answer) in enumerate(zip(choices, first, strict=True))
            if choice.long or answer.error is not None
        ]
        kept = dict(enumerate(explained(first, choices)))
        if bought:
            asked = [examples[i] for i in bought]
            better = better_of(
                self._chooser,
                [known[i] for i in bought],
                asked,
                [found[i] for i in bought],
                [first[i] for i in bought],
                self.long(asked),
            )
            kept |= zip(bought, better, strict=True)
        paid_for = set(bought)
        return [
            replace(
                kept[i],
                details={**kept[i].details, "bought": i in paid_for, "worth": choice.details["p_long"]}
                | {name: choice.details[name] for name in ("price", "extra_tokens")},  # those of the purchase
            )
            for i, choice in enumerate(choices)
        ]
