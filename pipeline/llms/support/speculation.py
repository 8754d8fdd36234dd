"""Speculative decoding with a drafter that has read something else: what is drafted, and what the target takes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rlc.pipeline.llms.support.reading import Reading
from rlc.pipeline.llms.support.writing import Writing

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Speculation:
    """How a target verifies what a drafter drafts.

    Attributes:
        gamma: Tokens that are drafted at a time, at most.
        eta: How far the target is moved towards the drafter's distribution; 0 writes what the target alone would.
        floor: The share of its likeliest token's probability that the drafter must give a token for that.
        least: A draft ends with a token that the drafter gives less than this probability.
    """

    gamma: int = 10
    eta: float = 10.0
    floor: float = 0.1
    least: float = 0.4

    def __post_init__(self) -> None:
        if self.gamma < 1 or self.eta < 0:
            raise ValueError(
                f"gamma must be at least 1 and eta not negative, got {self.gamma} and {self.eta}"
            )
        if not 0 <= self.floor <= 1 or not 0 <= self.least <= 1:
            raise ValueError(f"floor and least are shares in [0, 1], got {self.floor} and {self.least}")

    def choice(self, target: "torch.Tensor", draft: "torch.Tensor") -> int:
        """The token that the target takes, by its logits and the drafter's at the same place, [vocabulary] each."""
        return (
            int(enriched(target, draft, self.eta, self.floor).argmax()) if self.eta else int(target.argmax())
        )


def enriched(target: "torch.Tensor", draft: "torch.Tensor", eta: float, floor: float) -> "torch.Tensor":
    """The target's logits moved towards the drafter's distribution, where the drafter gives a token enough of it.

    With p and q the softmax of target and drafter: target - eta (p - q) where q >= floor * max q, else target.

    Args:
        target: logits, [..., vocabulary].
        draft: logits, as the target's.
        eta: how far.
        floor: a share of the likeliest token's probability.

    Source: RAPID, Chen et al., ICML 2025, arXiv 2502.20330, equation 6 and the authors' code.
    """
    p, q = target.softmax(-1), draft.softmax(-1)
    return (target - eta * (p - q)).where(q >= floor * q.amax(-1, keepdim=True), target)


class Speculated(NamedTuple):
    """How many tokens were drafted and taken, and how often the target was called for them."""

    drafted: int
    taken: int
    calls: int


def speculate(
    target: Reading,
    drafter: Reading,
    last: "torch.Tensor",
    belief: "torch.Tensor",
    how: Speculation,
    writing: Writing,
) -> Speculated:
    """Write an answer: the drafter drafts, the target reads the draft at once and takes what it agrees with.

    Args:
        target: has read its prompt.
        drafter: has read its own.
        last: the target's logits behind its prompt, [vocabulary].
        belief: the drafter's.
        how: the settings.
        writing: the answer, which is written to its end.
    """
    import torch

    drafted = taken = calls = 0
    unread: list[int] = []  # the target's own last token, which it reads with the next draft
    while True:
        drafts: list[int] = []
        beliefs = [belief]
        while len(drafts) < min(how.gamma, writing.limit - len(writing.tokens)):
            drafts.append(int(beliefs[-1].argmax()))
            sure = float(beliefs[-1].softmax(-1).max())
            beliefs.append(drafter.read(drafts[-1:])[-1])
            if sure < how.least or drafts[-1] in writing.ends:
                break
        seen = target.read([*unread, *drafts], logits=len(unread) + len(drafts))
        views = seen if unread else torch.cat([last[None], seen])
        calls, drafted = calls + 1, drafted + len(drafts)
        good = 0
        while good < len(drafts) and how.choice(views[good], beliefs[good]) == drafts[good]:
            good += 1
        own = how.choice(views[good], beliefs[good])
        taken += good
        for token in [*drafts[:good], own]:
            writing.add(token)
            if writing.is_ended:
                return Speculated(drafted, taken, calls)
        target.cut(len(drafts) - good)
        drafter.cut(len(drafts) - good)
        unread, belief = [own], drafter.read([own])[-1]
