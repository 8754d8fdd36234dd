"""Strategies: readers that ask more than once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from rlc.data.completed import in_order
from rlc.data.protocols import Role
from rlc.data.records import Answer, Example
from rlc.pipeline.readers.support.driver import Limit, run_talks
from rlc.pipeline.readers.support.talk import Talk


@dataclass(frozen=True)
class Strategy(ABC):
    """A reader that is a talk for each question. Subclasses write the talk; this class holds it to the readers' face.

    What one question's talk raises fails that question, which still says what it has cost. The answer's usage, steps,
    prompt hash and end are filled in from what was asked; of the usage that a talk returns only `cut_tokens` is kept.

    Args:
        seed: of an engine that samples.
        most_calls: of a language model that a question may cost; one more fails it.
        most_tokens: given and new, that a question may cost; once they are spent, the next call fails it. None sets no
            limit.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role]

    _: KW_ONLY
    seed: int = 0
    most_calls: int = 200
    most_tokens: int | None = None

    @abstractmethod
    def talk(self, example: Example) -> Talk[Answer]:
        """Read one example."""

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return in_order(self.answer_as_completed(examples))

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        limit = Limit(self.most_calls, self.most_tokens)
        return run_talks([self.talk(example) for example in examples], limit, self)
