"""Rows to clusters, clusters to replicates: what every interval and test of `stats` stands on.

Questions about one document share its luck, so the document is drawn, never the question. All of it works on sums
and counts per cluster: a replicate is a row of a matrix product, whatever the number of rows behind it.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

SAME = 1e-9  # equal sums may differ in their last bits
BLOCK = 500_000  # draws held at once: 4 MB, about what a cache holds


@dataclass(frozen=True)
class Clusters:
    """Weighted rows, summed by cluster and cell.

    `sums` and `counts` are float64 [clusters, cells]; `weights` float64 [cells] adds up to 1. The statistic is
    sum over cells of weight * (sum / count): one cell gives the plain mean, the cells of a nested mean the macro
    average, and counts other than the number of rows a ratio.
    """

    sums: Floats
    counts: Floats
    weights: Floats

    def statistic(self) -> float:
        """The statistic on the data themselves."""
        return float(_combine(self.sums.sum(0), self.counts.sum(0), self.weights))

    def influence(self) -> Floats:
        """What each cluster adds to the statistic's deviation, linearised; [clusters], adding up to 0.

        u_g = sum over cells of weight * (sum_g - cell mean * count_g) / count
        """
        total = self.counts.sum(0)
        residuals = self.sums - self.counts * (self.sums.sum(0) / total)
        return np.asarray((residuals / total) @ self.weights, dtype=np.float64)

    def standard_error(self) -> float:
        """The clustered (sandwich) standard error, sqrt(G / (G - 1) * sum u_g^2), for G >= 2 clusters."""
        groups = len(self.sums)
        return float(np.sqrt(groups / (groups - 1) * np.square(self.influence()).sum()))

    def replicates(self, number: int, seed: int) -> Floats:
        """The statistic on `number` draws of as many clusters, with replacement.

        A cell that a draw misses altogether leaves its weight to the others; a draw that misses all is left out.
        """
        draws = _draws_once if len(self.sums) * number <= BLOCK else _draws
        values = [
            _combine(drawn @ self.sums, drawn @ self.counts, self.weights)
            for drawn in draws(len(self.sums), number, seed)
        ]
        drawn_values: Floats = np.concatenate(values)
        return drawn_values[~np.isnan(drawn_values)]


def tabulate(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    groups: Sequence[tuple[Hashable, ...]] | None = None,
    counts: ArrayLike | None = None,
) -> Clusters:
    """Sum rows by cluster and, with `groups`, by the cells of a nested mean (see `nested_weights`).

    Where every cell belongs to one cluster (the cells of LaRA's macro average are files), the cell hangs on its cluster:
    its mean becomes one row of the cell around it. Only so does a document that is drawn twice count twice.

    Raises:
        ValueError: if lengths differ or a value is not a finite number.
    """
    rows = finite(values)
    ones = np.ones_like(rows) if counts is None else finite(counts)
    cell_of_row: Sequence[tuple[Hashable, ...]] = [()] * len(rows) if groups is None else groups
    lengths = {
        "values": len(rows),
        "counts": len(ones),
        "clusters": len(clusters),
        "groups": len(cell_of_row),
    }
    if len(set(lengths.values())) > 1:
        raise ValueError(f"every row needs one of each, got {lengths}")
    cluster, names = _codes(clusters)
    cell, cells = _codes(cell_of_row)
    owners = len(set(zip(cell.tolist(), cluster.tolist(), strict=True)))
    if owners == len(cells) > 1 and all(cells):
        sizes = np.bincount(cell)
        first = np.unique(cell, return_index=True)[1]
        means = np.bincount(cell, weights=rows) / sizes
        return tabulate(means, [clusters[i] for i in first], [key[:-1] for key in cells])

    def summed(weights: Floats) -> Floats:
        sums = np.bincount(cluster * len(cells) + cell, weights=weights, minlength=len(names) * len(cells))
        return np.asarray(sums, dtype=np.float64).reshape(len(names), len(cells))

    return Clusters(summed(rows), summed(ones), nested_weights(cells))


def summed_by(rows: Floats, clusters: Sequence[Hashable]) -> Floats:
    """The columns of float64 [rows, columns] summed by cluster, [clusters, columns].

    Raises:
        ValueError: if there are not as many clusters as rows.
    """
    if len(rows) != len(clusters):
        raise ValueError(f"every row needs its cluster, got {len(rows)} rows and {len(clusters)} clusters")
    code, names = _codes(clusters)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, code, rows)
    return sums


def nested_weights(cells: Sequence[tuple[Hashable, ...]]) -> Floats:
    """The weight of each cell in a mean of means, from the innermost key outwards.

    For LaRA's macro average the keys are (task, text type, file): files are averaged within a text type, text
    types within a task, tasks last. weight = product over the levels of 1 / (number of siblings there).

    Raises:
        ValueError: if cells differ in depth.
    """
    if len({len(cell) for cell in cells}) > 1:
        raise ValueError("every group needs as many keys, outermost first, such as (task, text type, file)")
    children: defaultdict[tuple[Hashable, ...], set[Hashable]] = defaultdict(set)
    for cell in cells:
        for depth, key in enumerate(cell):
            children[cell[:depth]].add(key)
    return np.array([prod(1 / len(children[cell[:depth]]) for depth in range(len(cell))) for cell in cells])


def sign_flip_p(contributions: Floats, flips: int, seed: int) -> float:
    """Two-sided p of a sum of per-cluster contributions against 'each could as well have had the other sign'.

    With G clusters and 2^G <= `flips` all signs are tried and p is exact; else `flips` are drawn and
    p = (1 + as extreme) / (1 + flips). It cannot fall below 2 / 2^G: five documents never make a finding.

    Source: Winkler et al., NeuroImage 2014, doi:10.1016/j.neuroimage.2014.01.060 (sign flips of whole blocks).
    """
    bound = abs(float(contributions.sum())) * (1 - SAME)
    sums, every = _flipped(contributions, flips, seed)
    extreme = int(np.sum(np.abs(sums) >= bound))
    return extreme / len(sums) if every else (1 + extreme) / (1 + flips)


def pairwise_p(contributions: Floats, flips: int, seed: int) -> Floats:
    """Two-sided p of every pair of systems, corrected for all pairs at once; [systems, systems], 1 on the diagonal.

    `contributions` is float64 [clusters, systems]: what each cluster adds to each system's mean. Whole clusters change
    their sign, for all systems together, and the largest difference of any two systems is what a pair's own is held
    against (the single-step maximum): p_ij = share of flips with max - min >= |mean_i - mean_j|. Unlike Holm's, this
    correction knows how alike the systems are, and it does not run out of flips when there are many of them.

    Source: Westfall and Young, Resampling-Based Multiple Testing, 1993.
    """
    totals = contributions.sum(0)
    bounds = np.abs(totals[:, None] - totals[None, :]) * (1 - SAME)
    sums, every = _flipped(contributions, flips, seed)
    widest = np.sort(np.ptp(sums, axis=1))
    extreme = len(widest) - np.searchsorted(widest, bounds, side="left")
    return np.asarray(extreme / len(widest) if every else (1 + extreme) / (1 + flips), dtype=np.float64)


def _flipped(contributions: Floats, flips: int, seed: int) -> tuple[Floats, bool]:
    """The sum over clusters under sign flips, and whether these are all there are."""
    groups = len(contributions)
    if 2**groups <= flips:
        signs = (np.arange(2**groups)[:, None] >> np.arange(groups)) & 1
        return np.asarray((2 * signs - 1) @ contributions), True
    rng = np.random.default_rng(seed)
    drawn = _blocks(flips, groups, lambda n: rng.integers(0, 2, (n, groups), dtype=np.int8))
    return np.concatenate([(2 * signs - 1) @ contributions for signs in drawn]), False


def finite(values: ArrayLike) -> Floats:
    """The values as float64 [rows], refused where one is not finite.

    Raises:
        ValueError: if one is missing or infinite, or there is more than one dimension.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 1:
        raise ValueError(f"expected one value per row, got an array of shape {rows.shape}")
    missing = int(np.sum(~np.isfinite(rows)))
    if missing:
        raise ValueError(
            f"{missing} of {len(rows)} values are missing or infinite: leave failed rows out, and show their count"
        )
    return rows


def _combine(sums: Floats, counts: Floats, weights: Floats) -> Floats:
    """The statistic over the last axis; NaN where every cell is empty."""
    present = counts > 0
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=present)
    shares = present * weights
    with np.errstate(invalid="ignore"):
        return np.asarray((means * shares).sum(-1) / shares.sum(-1))


@lru_cache(maxsize=8)  # the figures of a report are of few numbers of clusters
def _draws_once(groups: int, number: int, seed: int) -> tuple[Floats, ...]:
    """`_draws` that are few enough to be kept."""
    return tuple(_draws(groups, number, seed))


def _draws(groups: int, number: int, seed: int) -> Iterator[Floats]:
    """How often each cluster was drawn, float64 [block, clusters], block by block."""
    rng = np.random.default_rng(seed)

    def draw(n: int) -> Floats:
        drawn = rng.integers(0, groups, (n, groups)) + groups * np.arange(n)[:, None]
        return np.bincount(drawn.ravel(), minlength=n * groups).reshape(n, groups).astype(np.float64)

    return _blocks(number, groups, draw)


def _blocks(number: int, width: int, make: Callable[[int], T]) -> Iterator[T]:
    """`number` rows of `width`, made in blocks that fit into memory."""
    size = max(1, BLOCK // width)
    for start in range(0, number, size):
        yield make(min(size, number - start))


def _codes(keys: Sequence[K]) -> tuple[NDArray[np.intp], list[K]]:
    """A number for each key, and the keys in that order, which is that of their `repr`: not that of the rows."""
    ordered = sorted(set(keys), key=repr)
    code = {key: i for i, key in enumerate(ordered)}
    return np.fromiter(map(code.__getitem__, keys), np.intp, len(keys)), ordered
