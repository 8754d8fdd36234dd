"""LongRAG: few long units in place of many short passages, a long answer, then a short one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Evidence, Example, document_name
from rlc.data.tokens import count_once
from rlc.pipeline.context import reading_order
from rlc.pipeline.readers.support.asking import MARGIN, NothingRetrieved, tokens_of
from rlc.pipeline.readers.support.moves import BETWEEN, pieces_of, room_for
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search


@dataclass(frozen=True)
class LongRag(Strategy):
    """Find short passages, read the long units that they lie in, answer at length, and draw the short answer from that.

    A unit counts as much as its best passage; as many of the best as have `read` tokens are read, in the text's order.

    Source: LongRAG, Jiang et al., arXiv 2406.15319: units of about 4,000 tokens, passages of 512, 30,000 tokens read. Its
    second prompt shows eight examples; here it shows none.

    Args:
        search: finds the passages.
        llm: reads.
        unit: tokens of a unit.
        read: tokens of all units, at most what fits the window.
        passages: that are looked at, best first.
        long_tokens: of the long answer.
        max_tokens: of the short one, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "rag"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "long.prefix": ("source?", "text"),
        "long.question": ("asked",),
        "short.prefix": ("source?", "text"),
        "short.question": ("question",),
        "asked.text": ("question",),
        "source.other": (),
    }

    search: Searcher
    llm: LLM
    unit: int = 4000
    read: int = 30_000
    passages: int = 100
    long_tokens: int = 256
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        [found] = yield from search(self.search, example.document, example.question, k=self.passages)
        units = self._units(example, found)
        asked = self._asking(example, BETWEEN.join(unit.page_content for unit in units))
        [told] = yield from ask(
            self.llm, asked, max_tokens=self.long_tokens, seed=self.seed, name="long-answer"
        )
        [last] = yield from ask(
            self.llm,
            self._last_prompt("short", example, told.text),
            max_tokens=tokens_of(example, self.max_tokens),
            seed=self.seed,
            name="short-answer",
        )
        places = [
            (unit.metadata["source"], unit.metadata["start_index"], unit.metadata["end_index"])
            for unit in units
        ]
        return Answer(last.text, "", tuple(Evidence(*place) for place in places))

    def _units(self, example: Example, found: Sequence[Document]) -> list[Document]:
        """The units of the best passages that fit together, in the order of the text.

        Raises:
            NothingRetrieved: if there is no passage.
        """
        room = self._room(example)
        kept: dict[str, Document] = {}
        used = 0
        for passage in found:
            unit = self._unit_of(example, passage, room)
            if unit.id in kept:
                continue
            used += self.llm.tokenizer.count(unit.page_content) + MARGIN
            if kept and used > room:
                break
            kept[str(unit.id)] = unit
        if not kept:
            raise NothingRetrieved("no passage shares a word with the question, or a step left none")
        return reading_order(list(kept.values()), "document")

    def _unit_of(self, example: Example, passage: Document, room: int) -> Document:
        """The unit in which a passage begins."""
        source = str(passage.metadata.get("source", example.document_id))
        document = self.search.documents.get(source, example.document)
        units = pieces_of(document, min(self.unit, room), self.llm.tokenizer)
        start = int(passage.metadata.get("start_index", 0))
        return next((one for one in units if start < one.metadata["end_index"]), units[-1])

    def _asking(self, example: Example, text: str) -> Prompt:
        return self._prompt("long", example, text=text, asked=self._asked(example))

    def _room(self, example: Example) -> int:
        return min(self.read, room_for(self.llm, self._asking(example, ""), self.long_tokens))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound both prompts: units up to their limit, or the whole text; then the long answer."""
        loads: list[PromptLoad] = []
        for example in examples:
            documents = list(self.search.documents.values()) or [example.document]
            whole = sum(count_once(self.llm.tokenizer, one.page_content) + MARGIN for one in documents)
            units = min(self._room(example), whole + MARGIN * (whole // self.unit + 1))
            asked = self.llm.count(self._asking(example, "")) + 2 * MARGIN
            second = self.llm.count(self._last_prompt("short", example, "")) + self.long_tokens + MARGIN
            name = document_name(example.document)
            loads.append(PromptLoad(name, units, 1, asked, self.long_tokens))
            loads.append(PromptLoad(name, 0, 1, second, tokens_of(example, self.max_tokens)))
        return loads
