"""Selection by the first large fall of the scores."""

from collections.abc import Sequence

from langchain_core.documents import Document
from pydantic import Field

from rlc.retrievers.support.compressor import Compressor, score_of


def before_the_drop(scores: Sequence[float], drop: float, least: int = 1) -> int:
    """How many of the scores, best first, stand before the first large fall.

    Stops before score i + 1 where (s_i - s_{i+1}) > drop * (s_1 - s_n), after at least `least`; all scores stand
    where no fall is that large.

    Source: the idea of SAGE (arXiv 2503.01713), to stop by how fast relevance falls. Its abstract does not give
    the rule: measuring a fall against the whole range, which makes it free of the scores' scale, is ours.
    """
    if not scores:
        return 0
    spread = scores[0] - scores[-1]
    for i in range(max(1, least), len(scores)):
        if scores[i - 1] - scores[i] > drop * spread:
            return i
    return len(scores)


class ScoreDrop(Compressor):
    """The documents before the first large fall of the score (see `before_the_drop`)."""

    drop: float = Field(default=0.5, gt=0, lt=1)
    least: int = Field(default=1, ge=1)

    def refine(self, documents: Sequence[Document], query: str) -> list[Document]:  # noqa: ARG002
        return list(documents[: before_the_drop([score_of(d) for d in documents], self.drop, self.least)])
