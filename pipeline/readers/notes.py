"""Structured notes: the document rewritten once as scope, aspects and details, and read in that form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Example, Usage, by_document
from rlc.pipeline.context import check_policy
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import BETWEEN, fitted, pieces_of, room_for
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, once


@dataclass(frozen=True)
class Notes(Strategy):
    """Rewrite every piece of the document as a scope, its aspects and the details of each, and answer from that.

    The notes are made once for the questions on a document that come together, which is the cost of preparing it; they
    stand in the text's order in place of the text, and all questions share them. Notes that do not fit are cut.

    Source: Liu et al., Enhancing LLM's Cognition via Structurization, arXiv 2407.16434 (StruXGPT), whose two layers of
    notes these are. There a model is fitted to write them and every sentence is kept; here any model writes them, and
    `note_tokens` says how long they may be.

    Args:
        llm: writes the notes and reads them.
        piece: tokens of a piece.
        note_tokens: of the notes on a piece.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of notes that do not fit the window: `refuse`, `middle` or `head`.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "structure.question": ("source?", "text"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "source.other": (),
    }

    llm: LLM
    piece: int = 1000
    note_tokens: int = 512
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)

    def talk(self, example: Example) -> Talk[Answer]:
        notes = yield from once(example.document, "notes", self._structure(example))
        length = tokens_of(example, self.max_tokens)
        room = room_for(self.llm, self._last_prompt("answer", example, ""), length)
        fit = fitted(notes, room, self.llm.tokenizer, self.overflow)
        prompt = self._last_prompt("answer", example, fit.text)
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        return Answer(said.text, "", usage=Usage(cut_tokens=fit.cut_tokens))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: the document once for its notes, then the notes once for all questions."""
        loads: list[PromptLoad] = []
        for document, asked in by_document(examples).items():
            pieces = self._pieces(asked[0])
            frame = self.llm.count(self._structuring(asked[0], "")) + MARGIN
            loads.append(PromptLoad(document, 0, len(pieces), frame + self.piece, self.note_tokens))
            length = max(tokens_of(example, self.max_tokens) for example in asked)
            frames = [self._last_prompt("answer", example, "") for example in asked]
            room = max(0, min(room_for(self.llm, frame, length) for frame in frames))
            notes = min(len(pieces) * (self.note_tokens + MARGIN), room)
            after = max(map(self.llm.count, frames)) + MARGIN
            loads.append(PromptLoad(document, notes, len(asked), after, length))
        return loads

    def _structure(self, example: Example) -> Talk[str]:
        prompts = [self._structuring(example, piece.page_content) for piece in self._pieces(example)]
        said = yield from ask(
            self.llm, *prompts, max_tokens=self.note_tokens, seed=self.seed, name="structure"
        )
        return BETWEEN.join(one.text.strip() for one in said)

    def _pieces(self, example: Example) -> list[Document]:
        return pieces_of(example.document, self.piece, self.llm.tokenizer)

    def _structuring(self, example: Example, text: str) -> Prompt:
        return self._prompt("structure", example, text=text)
