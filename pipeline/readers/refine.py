"""Refining: an answer from the first piece, then a better one from every further piece."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Example
from rlc.pipeline.readers.support.asking import tokens_of
from rlc.pipeline.readers.support.moves import loads_of_pieces, pieces_of, room_for
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask


@dataclass(frozen=True)
class Refine(Strategy):
    """Answer from the first piece of the document, then let every further piece better the answer.

    Each call waits for the one before it, and what the last one says is the answer.

    Source: the refine chain of LangChain for documents, whose prompt the one here follows.

    Args:
        llm: reads.
        piece: tokens of a piece, or what fits the window.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "refine.prefix": ("source?", "text"),
        "refine.question": ("asked", "answer"),
        "asked.text": ("question",),
        "source.other": (),
    }

    llm: LLM
    piece: int = 4000
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        length = tokens_of(example, self.max_tokens)
        first, *further = self._pieces(example)
        asked = self._last_prompt("answer", example, first.page_content)
        [said] = yield from ask(self.llm, asked, max_tokens=length, seed=self.seed, name="answer")
        for piece in further:
            asked = self._refining(example, piece.page_content, said.text)
            [said] = yield from ask(self.llm, asked, max_tokens=length, seed=self.seed, name="refine")
        return Answer(said.text, "")

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: every question reads every piece, with an answer beside it."""
        length = max((tokens_of(example, self.max_tokens) for example in examples), default=0)
        return list(
            loads_of_pieces(
                self.llm,
                examples,
                self._pieces,
                lambda example: self._refining(example, "", ""),
                beside=length,
                answer_tokens=length,
            )
        )

    def _pieces(self, example: Example) -> list[Document]:
        length = tokens_of(example, self.max_tokens)
        room = room_for(self.llm, self._refining(example, "", ""), length, beside=length)
        return pieces_of(example.document, min(self.piece, room), self.llm.tokenizer)

    def _refining(self, example: Example, text: str, answer: str) -> Prompt:
        return self._prompt("refine", example, text=text, asked=self._asked(example), answer=answer)
