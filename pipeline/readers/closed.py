"""Closed-book reader: answers from the question alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from rlc.data.completed import in_order
from rlc.data.loads import PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import LLM, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.prompts import closed_prompt, wording_of
from rlc.pipeline.readers.support.asking import MARGIN, Request, ask_as_completed, tokens_of


@dataclass(frozen=True)
class ClosedBookReader:
    """Ask the question alone. The control that shows memorisation: what it gets right, no arm had to read."""

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "closed"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"ask.prefix": (), "ask.question": ("question",)}

    llm: LLM
    max_tokens: int = 64
    seed: int = 0
    prompt: PromptFile = ENGLISH

    @cached_property
    def _texts(self) -> PromptTexts:
        return read_prompts(ClosedBookReader, self.prompt)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return in_order(self.answer_as_completed(examples))

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        requests = [
            Request(
                closed_prompt(self._texts, example.question, wording_of(example, self.prompt)),
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
                question_tokens=self.llm.count(
                    closed_prompt(self._texts, example.question, wording_of(example, self.prompt))
                )
                + MARGIN,
                answer_tokens=tokens_of(example, self.max_tokens),
            )
            for example in examples
        ]
