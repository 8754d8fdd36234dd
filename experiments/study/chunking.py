"""Records of a study of chunkers: what `rlc chunks` measures and a report shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlc.experiments.statistics.intervals import Difference, Estimate

RANDOM, ORACLE = "random", "oracle"  # rankings that stand beside every retriever


@dataclass(frozen=True)
class Point:
    """One budget of a curve: recall, the mean tokens read, and the share of the documents' tokens that they are."""

    budget: int
    recall: Estimate
    tokens: float
    share: float


@dataclass(frozen=True)
class CurveSummary:
    """What a table says of a curve: its points, its height, and how far that is above the first chunker's."""

    chunker: str
    ranking: str
    points: Sequence[Point]
    mean: Estimate
    gain: Difference | None
