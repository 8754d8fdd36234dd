"""What a perfect choice between two arms would give, and how near a router comes.

The oracle knows the outcomes: it stays in the laboratory. It also profits from luck: even two runs of one system
differ here and there, and the better of the two answers beats both. `noise_floor` measures that on two
near-identical systems, and no headroom should be read without it.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rlc.experiments.resample import Floats, finite
from rlc.experiments.stats import Difference, Estimate, difference, estimate, ratio


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
    value where there is no gap.
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
    one, other = finite(first), finite(second)
    if len(one) != len(other):
        raise ValueError(f"both arms need the outcome of every example, got {len(one)} and {len(other)}")
    return np.maximum(one, other)


def better_arm(
    first: ArrayLike, second: ArrayLike, groups: Sequence[Hashable] | None = None
) -> Floats:
    """The outcomes of the arm with the higher mean, the first if they are equal.

    With `groups` (the model of each row, say) the arm is chosen for each group, in hindsight: a harder baseline.
    """
    one, other = finite(first), finite(second)
    oracle_outcomes(one, other)
