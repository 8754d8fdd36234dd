"""Agreement of two judges beyond chance."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Kappa:
    """How far two judges agree beyond chance.

    kappa = (agreement - expected) / (1 - expected), where expected is the agreement of two judges who give their
    verdicts independently, as often right and wrong as these do; None where expected is 1. `n` counts the answers
    that both judged, `left_out` those that one or both could not.

    Source: Cohen, A coefficient of agreement for nominal scales, 1960.
    """

    kappa: float | None
    agreement: float
    n: int
    left_out: int


def kappa(a: Sequence[bool | None], b: Sequence[bool | None]) -> Kappa:
    """Compare two judges' verdicts on the same answers, in the same order; None where there is no verdict.

    Raises:
        ValueError: if the numbers of verdicts differ, or no answer was judged by both.
    """
    if len(a) != len(b):
        raise ValueError(f"expected verdicts on the same answers, got {len(a)} and {len(b)} of them")
    both = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    if not both:
        raise ValueError(f"expected answers that both judges judged, got none among {len(a)}")
    n = len(both)
    agreement = sum(x == y for x, y in both) / n
    right_a, right_b = sum(x for x, _ in both) / n, sum(y for _, y in both) / n
    expected = right_a * right_b + (1 - right_a) * (1 - right_b)
    return Kappa(
        kappa=(agreement - expected) / (1 - expected) if expected < 1 else None,
        agreement=agreement,
        n=n,
        left_out=len(a) - n,
    )
