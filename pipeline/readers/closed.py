"""Closed-book reader: answers from the question alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.completed import in_order
from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.prompts import closed_prompt
from rlc.pipeline.readers.support.asking import MARGIN, Request, ask_as_completed, tokens_of


@dataclass(frozen=True)
class ClosedBookReader:
    """Ask the question alone. The control that shows memorisation: what it gets right, no arm had to read."""

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "closed"

    llm: LLM
    max_tokens: int = 64
    seed: int = 0

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return in_order(self.answer_as_completed(examples))

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        requests = [
            Request(
                closed_prompt(example.question, example.wording),
                max_tokens=tokens_of(example, self.max_tokens),
            )
            for example in examples
        ]
        return ask_as_completed(self.llm, requests, self.max_tokens, self.seed)

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: a question each, and no text."""
        return [
            PromptLoad(
                document=example.document_id,
                tokens=0,
                questions=1,
                question_tokens=self.llm.count(closed_prompt(example.question, example.wording)) + MARGIN,
                answer_tokens=tokens_of(example, self.max_tokens),
            )
            for example in examples
        ]
