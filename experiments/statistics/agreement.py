"""Agreement of two judges, as a share and beyond chance."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from rlc.experiments.statistics.corrected import kappa_estimate
from rlc.experiments.statistics.intervals import Estimate, estimate


@dataclass(frozen=True)
class Agreement:
    """How far two judges agree on the answers that both judged: how often, and beyond chance.

    kappa = (agreement - expected) / (1 - expected), where expected is the agreement of two judges who give their
    verdicts independently, as often right and wrong as these do; its value is None where expected is 1. `left_out` counts
    the answers that one or both could not judge.

    Source: Cohen, A coefficient of agreement for nominal scales, 1960.
    """

    same: Estimate
    kappa: Estimate
    left_out: int


def agreement(
    a: Sequence[bool | None], b: Sequence[bool | None], documents: Sequence[Hashable]
) -> Agreement | None:
    """Compare two judges' verdicts on the same answers, in the same order; None where none was judged by both.

    Raises:
        ValueError: if the numbers of verdicts differ.
    """
    if not len(a) == len(b) == len(documents):
        raise ValueError(
            f"expected verdicts on the same answers, got {len(a)} and {len(b)} of them on {len(documents)}"
        )
    rows = zip(a, b, documents, strict=True)
    both = [(x, y, document) for x, y, document in rows if x is not None and y is not None]
    if not both:
        return None
    first, second, clusters = zip(*both, strict=True)
    return Agreement(
        same=estimate([float(x == y) for x, y, _ in both], clusters),
        kappa=kappa_estimate(first, second, clusters),
        left_out=len(a) - len(both),
    )
