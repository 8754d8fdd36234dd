"""Strategies: readers that ask more than once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import ClassVar, Self

from rlc.data.completed import in_order
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import Prompt, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.llms.support.forwarding import GenerationMemory, remembering
from rlc.pipeline.prompts import kind_of, wording_of
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
        prompt: what is asked: a language that ships, or a file of your own.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role]

    _: KW_ONLY
    seed: int = 0
    most_calls: int = 200
    most_tokens: int | None = None
    prompt: PromptFile = ENGLISH

    @abstractmethod
    def talk(self, example: Example) -> Talk[Answer]:
        """Read one example: yield wishes, return the answer."""

    @cached_property
    def _texts(self) -> PromptTexts:
        return read_prompts(type(self), self.prompt)

    def _prompt(self, name: str, example: Example, **places: object) -> Prompt:
        """One of the strategy's prompts: its places are filled in, with the question and what its document is called."""
        source = self._texts.one_of("source", kind_of(example))
        return self._texts.prompt(name, source=source, question=example.question, **places)

    def _asked(self, example: Example) -> str:
        """The question as the authors of its data set put it after the text, else as the strategy's own file does."""
        wording = wording_of(example, self.prompt)
        if wording:
            return wording.asked(example.question)
        return self._texts.fill("asked.text", question=example.question)

    def _last_prompt(self, name: str, example: Example, text: str) -> Prompt:
        """The prompt whose answer counts; in the wording of a data set's authors, the text stands where theirs does."""
        wording = wording_of(example, self.prompt)
        if wording:
            return Prompt(wording.reading(text), wording.asked(example.question))
        return self._prompt(name, example, text=text)

    def remembering(self, memory: GenerationMemory, identity: str) -> Self:
        """Let the engines of this reader take from a memory what they have written before.

        `identity` stands for everything about the reader that changes what they write.
        """
        return remembering(self, memory, identity)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return in_order(self.answer_as_completed(examples))

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        limit = Limit(self.most_calls, self.most_tokens)
        return run_talks([self.talk(example) for example in examples], limit, self)
