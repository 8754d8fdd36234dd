"""Chain of Agents: workers read piece after piece and hand a note on, and a manager answers from the last."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Example
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import loads_of_pieces, pieces_of, room_for
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask


@dataclass(frozen=True)
class ChainOfAgents(Strategy):
    """Let workers read the document piece by piece, each with the note of the one before, and a manager answer.

    A piece is as many whole sentences as fit `window` beside the question, the task and the note that comes in (for
    which the paper's formula leaves no room). Under `both` a chain runs from either end, side by side, and the manager
    chooses the note that it answers from.

    Source: Zhang et al., NeurIPS 2024, arXiv 2406.02818: windows of 8k; the length of a note is theirs for question
    answering.

    Args:
        llm: the workers.
        manager: answers; None lets `llm`.
        direction: from where the document is read: `forward`, `backward` or `both`.
        window: of a worker, in tokens; at most the model's own.
        note_tokens: of a note.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "work.prefix": ("source?", "text"),
        "work.question": ("question", "note"),
        "judge.question": ("question?", "first", "second"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "note.none": (),
        "source.other": (),
    }

    llm: LLM
    manager: LLM | None = None
    direction: Literal["forward", "backward", "both"] = "forward"
    window: int = 8000
    note_tokens: int = 512
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        pieces = self._pieces(example)
        orders = {"forward": [pieces], "backward": [pieces[::-1]], "both": [pieces, pieces[::-1]]}[
            self.direction
        ]
        notes = [self._texts.fill("note.none")] * len(orders)
        for parts in zip(*orders, strict=True):
            work = [
                self._working(example, part.page_content, note)
                for part, note in zip(parts, notes, strict=True)
            ]
            said = yield from ask(self.llm, *work, max_tokens=self.note_tokens, seed=self.seed, name="worker")
            notes = [one.text for one in said]
        chosen = 0
        if len(notes) == 2:
            prompt = self._prompt("judge", example, first=notes[0], second=notes[1])
            [judged] = yield from ask(self._manager, prompt, max_tokens=8, seed=self.seed, name="judge")
            chosen = int(first_choice(judged.text) == 2)
        [last] = yield from ask(
            self._manager,
            self._last_prompt("answer", example, notes[chosen]),
            max_tokens=tokens_of(example, self.max_tokens),
            seed=self.seed,
            name="manager",
        )
        return Answer(
            last.text, "", details={"direction": ["forward", "backward"][chosen]} if len(notes) == 2 else {}
        )

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts; None where the manager counts tokens of its own."""
        if self._manager.tokenizer.name != self.llm.tokenizer.name:
            return None
        chains = 2 if self.direction == "both" else 1
        work = loads_of_pieces(
            self.llm,
            examples,
            self._pieces,
            lambda example: self._working(example, "", ""),
            beside=self.note_tokens,
            answer_tokens=self.note_tokens,
        )
        loads = [replace(load, questions=chains * load.questions) for load in work]
        for example in examples:
            asked = self._manager.count(self._last_prompt("answer", example, "")) + self.note_tokens + MARGIN
            loads.append(PromptLoad(example.document_id, 0, 1, asked, tokens_of(example, self.max_tokens)))
            if chains == 2:
                judged = (
                    self._manager.count(self._prompt("judge", example, first="", second=""))
                    + 2 * self.note_tokens
                    + MARGIN
                )
                loads.append(PromptLoad(example.document_id, 0, 1, judged, 8))
        return loads

    @property
    def _manager(self) -> LLM:
        return self.manager or self.llm

    def _pieces(self, example: Example) -> list[Document]:
        room = room_for(
            self.llm,
            self._working(example, "", ""),
            self.note_tokens,
            window=min(self.window, self.llm.window),
            beside=self.note_tokens,
        )
        return pieces_of(example.document, room, self.llm.tokenizer, sentences=True)

    def _working(self, example: Example, text: str, note: str) -> Prompt:
        return self._prompt("work", example, text=text, note=note)


def first_choice(text: str) -> int:
    """The first 1 or 2 that a judge says; 1 where it says neither."""
    found = re.search(r"(?<![A-Za-z\d])[12](?![A-Za-z\d])", text)
    return int(found[0]) if found else 1
