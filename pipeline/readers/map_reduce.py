"""Map-reduce: notes of every piece at once, then an answer from the notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Example
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import (
    BETWEEN,
    loads_of_pieces,
    pieces_of,
    room_for,
    says_nothing,
    shrink,
    shrinking,
    span_of,
)
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask


@dataclass(frozen=True)
class MapReduce(Strategy):
    """Let the model take notes of every piece of the document, then answer from those that tell something.

    The pieces wait for none of each other. Notes that do not fit together are combined first, neighbours with
    neighbours, as often as it takes. Evidence are the pieces of which there are notes.

    Source: the map-reduce chain of LangChain for documents; notes before the answer as in Chain-of-Note (arXiv
    2311.09210). Neither says how large a piece or a note is: those here are a 32nd of a window of 128k, and a paragraph.

    Args:
        llm: takes the notes.
        combiner: combines them and answers; None lets `llm`.
        piece: tokens of a piece, or what fits the window.
        note_tokens: of the notes on a piece.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "map.prefix": ("source?", "text"),
        "map.question": ("question",),
        "combine.question": ("question?", "notes"),
        "reduce.prefix": ("source?", "text"),
        "reduce.question": ("question",),
        "notes.none": (),
        "source.other": (),
    }

    llm: LLM
    combiner: LLM | None = None
    piece: int = 4000
    note_tokens: int = 256
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        pieces = self._pieces(example)
        asked = [self._noting(example, piece.page_content) for piece in pieces]
        said = yield from ask(self.llm, *asked, max_tokens=self.note_tokens, seed=self.seed, name="map")
        told = [
            (piece, note.text)
            for piece, note in zip(pieces, said, strict=True)
            if not says_nothing(note.text)
        ]
        notes = yield from shrink(
            self._combiner,
            [note for _, note in told],
            lambda joined: self._combining(example, joined),
            self._room(example),
            self.note_tokens,
            self.seed,
        )
        [last] = yield from ask(
            self._combiner,
            self._reducing(example, BETWEEN.join(notes)),
            max_tokens=tokens_of(example, self.max_tokens),
            seed=self.seed,
            name="reduce",
        )
        return Answer(last.text, "", tuple(span_of(example, piece) for piece, _ in told))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts; None where the combiner counts tokens of its own."""
        if self._combiner.tokenizer.name != self.llm.tokenizer.name:
            return None
        loads = list(
            loads_of_pieces(
                self.llm,
                examples,
                self._pieces,
                lambda example: self._noting(example, ""),
                beside=0,
                answer_tokens=self.note_tokens,
            )
        )
        for example in examples:
            combining, left = shrinking(
                self._combiner,
                len(self._pieces(example)),
                self._combining(example, ""),
                self._room(example),
                self.note_tokens,
                example.document_id,
            )
            asked = self._combiner.count(self._reducing(example, "")) + left + MARGIN
            last = PromptLoad(example.document_id, 0, 1, asked, tokens_of(example, self.max_tokens))
            loads += [*combining, last]
        return loads

    @property
    def _combiner(self) -> LLM:
        return self.combiner or self.llm

    def _pieces(self, example: Example) -> list[Document]:
        room = room_for(self.llm, self._noting(example, ""), self.note_tokens)
        return pieces_of(example.document, min(self.piece, room), self.llm.tokenizer)

    def _room(self, example: Example) -> int:
        """What the notes may take together, in both prompts that they stand in."""
        return min(
            room_for(self._combiner, self._reducing(example, ""), tokens_of(example, self.max_tokens)),
            room_for(self._combiner, self._combining(example, ""), self.note_tokens),
        )

    def _noting(self, example: Example, text: str) -> Prompt:
        return self._prompt("map", example, text=text)

    def _combining(self, example: Example, notes: str) -> Prompt:
        return self._prompt("combine", example, notes=notes)

    def _reducing(self, example: Example, notes: str) -> Prompt:
        return self._last_prompt("reduce", example, notes or self._texts.fill("notes.none"))
