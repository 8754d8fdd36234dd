"""A reader that is made when it is first asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rlc.data.completed import answers_as_completed
from rlc.data.protocols import Reader
from rlc.data.records import Answer, Example
from rlc.pipeline.readers.support.retrieving import Found, retrieve


@dataclass(frozen=True)
class DeferredReader:
    """Make the reader at the first question: a run that finds all its answers in the store loads no model."""

    make: Callable[[], Reader]

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return self._reader(examples)

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        return answers_as_completed(self._reader, examples)

    def retrieve(self, examples: Sequence[Example], /) -> list[Found]:
        """What the reader retrieves, where it shows it."""
        return retrieve(self._reader, examples)

    @cached_property
    def _reader(self) -> Reader:
        return self.make()
