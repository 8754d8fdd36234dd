"""Attention sorting: passages are sorted by what the model looks at, until the order stays, and then read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.records import Example
from rlc.pipeline.readers.support.arranged import ANSWER, ArrangedReader
from rlc.pipeline.readers.support.talk import Talk


@dataclass(frozen=True)
class AttentionSorting(ArrangedReader):
    """Let the model look at the passages, put the one that it looks at most next to the question, and look again.

    A model reads best what stands last, and looks at relevant passages more than at others wherever they stand: sorting
    moves them to where they are read. It ends when the order stays as it is, or after `sorts`. Equals stay as they were.
    `details` count the sorts. Needs an engine that shows what it looks at (`hf`).

    Source: Peysakhovich and Lerer, Attention Sorting Combats Recency Bias, 2023, arXiv 2310.01427: one to five sorts.

    Args:
        search: finds passages.
        llm: looks and reads.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of passages that do not fit the window: under `refuse` the question fails, else they are
            dropped from the worst up, and counted.
        sorts: the most of them.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = ANSWER

    sorts: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sorts < 1:
            raise ValueError(f"passages are sorted at least once, got sorts={self.sorts}")

    def arrange(self, example: Example, texts: Sequence[str]) -> Talk[list[int]]:
        order = list(range(len(texts)))
        for number in range(self.looks(len(texts))):
            paid = yield from self.paid(example, [texts[i] for i in order], f"sort {number + 1}")
            ascending = sorted(range(len(order)), key=lambda i: (paid[i], i))
            if ascending == sorted(ascending):
                break
            order = [order[i] for i in ascending]
        return order

    def looks(self, passages: int) -> int:
        return self.sorts if passages > 1 else 0
