"""What a router would have done at another price, or within a budget, on the answers that are there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlc.experiments.report.figures.pricing import Priced, curve, priced
from rlc.experiments.statistics.intervals import Estimate, estimate
from rlc.experiments.study.router_scores import Scored

BUDGETS = tuple(range(5, 105, 5))  # percent of what long context reads


@dataclass(frozen=True)
class WhatIf:
    """A router at a price: `found`, and beside it what the arms alone and a perfect choice come to.

    `share` is the tokens that it reads as a share of long context's. `within` is False where no price keeps to the budget.
    """

    found: Priced
    share: float
    rag: Priced
    long: Priced
    oracle: Estimate
    within: bool


def what_if(
    scored: Scored, price: float = 0.0, budget: float = 1.0, points: Sequence[Priced] | None = None
) -> WhatIf:
    """The router at a price per 1,000 extra tokens, or at the lowest higher one that keeps within a share of long context's tokens.

    `points` are its curve, where that is made already.
    """
    full, price = float(scored.long_tokens.mean()), max(price, scored.least)
    points = curve(scored) if points is None else points
    asked = [priced(scored, price), *(one for one in points if one.price > price)]
    found = next((one for one in asked if one.tokens <= budget * full), asked[-1])
    return WhatIf(
        found,
        found.tokens / full,
        _arm(scored, scored.rag, scored.rag_tokens, 0.0),
        _arm(scored, scored.long, scored.long_tokens, 1.0),
        estimate(np.maximum(scored.rag, scored.long), scored.documents),
        found.tokens <= budget * full,
    )


def _arm(scored: Scored, outcomes: np.ndarray, tokens: np.ndarray, whole: float) -> Priced:
    return Priced(0.0, whole, float(tokens.mean()), estimate(outcomes, scored.documents))
