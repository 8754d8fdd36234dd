"""Found in the middle: what the model looks at for the place alone is taken off what it looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.records import Example
from rlc.pipeline.readers.support.arranged import ANSWER, ArrangedReader
from rlc.pipeline.readers.support.talk import Talk


@dataclass(frozen=True)
class CalibratedAttention(ArrangedReader):
    """Rank the passages by the attention that each is paid, less what a dummy is paid in its place.

    A model looks more at the beginning and the end of what it reads, whatever stands there. For every place the passages
    are read once more with a dummy in it: the difference is what the passage itself is looked at for. It takes a pass a
    passage. Needs an engine that shows what it looks at (`hf`).

    Source: Hsieh et al., Found in the Middle: Calibrating Positional Attention Bias, ACL Findings 2024, arXiv
    2406.16008. There the model's own attention is changed while it answers, too; here the ranking alone is used.

    Args:
        search: finds passages.
        llm: looks and reads.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of passages that do not fit the window: under `refuse` the question fails, else they are
            dropped from the worst up, and counted.
        top: passages that are read, the best ones; None reads all. The best stands last, next to the question.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {**ANSWER, "dummy.text": ()}

    top: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top is not None and self.top < 1:
            raise ValueError(f"at least one passage is read, got top={self.top}")

    def arrange(self, example: Example, texts: Sequence[str]) -> Talk[list[int]]:
        if len(texts) == 1:
            return [0]
        paid = yield from self.paid(example, texts, "look")
        dummy = self._texts.fill("dummy.text")
        own = []
        for i in range(len(texts)):
            around = [*texts[:i], dummy, *texts[i + 1 :]]
            biased = yield from self.paid(example, around, f"dummy {i + 1}")
            own.append(float(paid[i] - biased[i]))
        best = sorted(range(len(texts)), key=lambda i: (-own[i], i))[: self.top]
        return best[::-1]

    def looks(self, passages: int) -> int:
        return passages + 1 if passages > 1 else 0
