"""How many questions it takes to see a difference, worked out from the spread that a run shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlc.experiments.statistics.intervals import documents_needed
from rlc.experiments.study.study import Comparison, Study


@dataclass(frozen=True)
class Need:
    """Two arms, and the documents that show a true difference of so many points four times in five.

    `documents` is in the order of the points asked for; None where the run shows no spread to reckon with. A document
    has `per_document` questions, as in the run.
    """

    comparison: Comparison
    documents: Sequence[int | None]
    per_document: float

    @property
    def questions(self) -> list[int | None]:
        """How many questions those documents have."""
        return [None if n is None else round(n * self.per_document) for n in self.documents]


def needs(study: Study, points: Sequence[float]) -> list[Need]:
    """What each pair of arms needs, for differences of so many points of percent."""
    found = []
    for comparison in study.arm_comparisons:
        difference = comparison.difference
        error = difference.standard_error
        documents = [
            documents_needed(error, difference.clusters, one / 100) if error else None for one in points
        ]
        found.append(Need(comparison, documents, difference.n / max(difference.clusters, 1)))
    return found
