"""What a perfect choice between two arms would give, and how near a router comes.

The oracle knows the outcomes: it stays in the laboratory. It also profits from luck: even two runs of one system
differ here and there, and the better of the two answers beats both. `noise_floor` measures that on two
near-identical systems, and no headroom should be read without it.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rlc.experiments.statistics.intervals import Difference, Estimate, difference, estimate, ratio
from rlc.experiments.statistics.resample import Floats, finite


@dataclass(frozen=True)
class Ceiling:
    """Two arms, the better of them, and the oracle that takes the better answer to every question.

    `headroom` is oracle minus better arm, the most that any router between the two can gain.
    """

    first: Estimate
    second: Estimate
    better: Estimate
    oracle: Estimate
    headroom: Estimate


@dataclass(frozen=True)
class RouterScore:
    """A router between two arms. `gain` is against the better arm, `regret` what the oracle has more.

    `closed` is the share of the gap closed, gain / headroom: 0 for the better arm itself, 1 for the oracle; no
    value where the gap cannot be told from 0.
    """

    accuracy: Estimate
    gain: Difference
    regret: Estimate
    closed: Estimate


def oracle_outcomes(first: ArrayLike, second: ArrayLike) -> Floats:
    """The better outcome of the two, row by row.

    Raises:
        ValueError: if there are not as many outcomes on both sides, or one is missing.
    """
    return np.maximum(*_paired(first, second))


def better_arm(first: ArrayLike, second: ArrayLike, groups: Sequence[Hashable] | None = None) -> Floats:
    """The outcomes of the arm with the higher mean; of the first if they are equal.

    With `groups` (the model of each row, say) the arm is chosen for each group, in hindsight: a harder baseline.

    Raises:
        ValueError: as `oracle_outcomes` does, or if there is not one group for each row.
    """
    one, other = _paired(first, second)
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups if groups is not None else [None] * len(one)):
        members.setdefault(group, []).append(row)
    if sum(map(len, members.values())) != len(one):
        raise ValueError(f"every row needs a group, got {len(groups or ())} groups and {len(one)} rows")
    chosen = one.copy()
    for rows in members.values():
        if other[rows].mean() > one[rows].mean():
            chosen[rows] = other[rows]
    return chosen


def ceiling(
    first: ArrayLike,
    second: ArrayLike,
    clusters: Sequence[Hashable],
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> Ceiling:
    """Both arms, the better one (by `groups` where given), the oracle, and its headroom, clustered by document."""
    better, oracle = better_arm(first, second, groups), oracle_outcomes(first, second)
    return Ceiling(
        first=estimate(first, clusters, seed=seed),
        second=estimate(second, clusters, seed=seed),
        better=estimate(better, clusters, seed=seed),
        oracle=estimate(oracle, clusters, seed=seed),
        headroom=estimate(oracle - better, clusters, seed=seed),
    )


def noise_floor(
    once: ArrayLike, again: ArrayLike, clusters: Sequence[Hashable], *, seed: int = 0
) -> Estimate:
    """The headroom of an oracle over two near-identical systems in one arm: what luck alone looks like.

    There is nothing to route between them, so a headroom of this size between two arms would be none either.
    """
    return ceiling(once, again, clusters, seed=seed).headroom


def score_router(
    router: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    clusters: Sequence[Hashable],
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> RouterScore:
    """The router's outcomes against the better arm (by `groups` where given) and against the oracle.

    regret = mean of oracle - router; closed = sum of (router - better) / sum of (oracle - better). The choice of
    the better arm is held fixed in the intervals.

    Raises:
        ValueError: if the three do not have as many outcomes, or one is missing.
    """
    outcomes, better = _paired(router, better_arm(first, second, groups))
    oracle = oracle_outcomes(first, second)
    headroom = estimate(oracle - better, clusters, seed=seed)
    told = headroom.low is not None and headroom.low > 0
    unknown = Estimate(None, None, None, headroom.n, headroom.clusters)
    return RouterScore(
        accuracy=estimate(outcomes, clusters, seed=seed),
        gain=difference(outcomes, better, clusters, seed=seed),
        regret=estimate(oracle - outcomes, clusters, seed=seed),
        closed=ratio(outcomes - better, oracle - better, clusters, seed=seed) if told else unknown,
    )


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    one, other = finite(first), finite(second)
    if len(one) != len(other):
        raise ValueError(f"both sides need the outcome of every example, got {len(one)} and {len(other)}")
    return one, other
