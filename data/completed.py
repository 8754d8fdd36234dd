"""Results as they are completed, so that what was paid for can be kept before the rest of its batch ends.

An engine or a reader that knows when each of its results ends yields it with its place; of all others the whole batch
comes at the end.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from rlc.data.protocols import LLM, Generation, Prompt, Reader, Sampling
from rlc.data.records import Answer, Example

Result = TypeVar("Result")


@runtime_checkable
class GeneratesAsCompleted(Protocol):
    """An engine that yields each generation, with its prompt's place, when it ends."""

    def generate_as_completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Generation]]:
        """Answer every prompt, in any order; otherwise as `rlc.data.protocols.LLM.generate`."""
        ...


@runtime_checkable
class AnswersAsCompleted(Protocol):
    """A reader that yields each answer, with its example's place, when it is there."""

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Answer every example, in any order."""
        ...


def generations_as_completed(
    llm: LLM, prompts: Sequence[Prompt], sampling: Sampling
) -> Iterator[tuple[int, Generation]]:
    """The generations of any engine, each as soon as it is to be had."""
    if isinstance(llm, GeneratesAsCompleted):
        return llm.generate_as_completed(prompts, sampling)
    return iter(enumerate(llm.generate(prompts, **sampling.wishes)))


def answers_as_completed(reader: Reader, examples: Sequence[Example]) -> Iterator[tuple[int, Answer]]:
    """The answers of any reader, each as soon as it is to be had."""
    if isinstance(reader, AnswersAsCompleted):
        return reader.answer_as_completed(examples)
    return iter(enumerate(reader(examples)))


def in_order(completed: Iterable[tuple[int, Result]]) -> list[Result]:
    """The results in the order of their places."""
    return [result for _, result in sorted(completed, key=lambda pair: pair[0])]
