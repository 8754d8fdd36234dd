"""Corpus in context: all documents in one prompt under numbers, of which the answer names those that it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Evidence, Example, Usage, by_document
from rlc.pipeline.prompts import kind_of
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.indexing import by_name
from rlc.pipeline.readers.support.moves import room_for
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask
from rlc.pipeline.readers.support.units import fitting, named_and_said, numbers_in, units_of


@dataclass(frozen=True)
class CorpusInContext(Strategy):
    """Show every unit of the document, or of a collection, with a number and a title, and let the answer cite them.

    The model retrieves by reading: it names the units that hold the answer, which are the evidence, and then answers. All
    questions share the units, so that they are read once. Units are the passages that a data set marks, else pieces of
    `unit` tokens. What does not fit is left out from the middle, and counted.

    Source: Lee et al., Can Long-Context Language Models Subsume Retrieval, RAG, SQL, and More?, arXiv 2406.13121 (LOFT).
    Their prompt shows five worked examples of the corpus; here there is none, and `recycled` makes examples of the text.

    Args:
        llm: reads.
        collection: the documents that are shown; None shows the question's own.
        unit: tokens of a unit, where the data set marks none.
        name_tokens: for the units' numbers, beside an answer.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "unit.text": ("number", "title?", "text"),
        "source.other": (),
    }

    llm: LLM
    collection: Sequence[Document] | None = None
    unit: int = 256
    name_tokens: int = 32
    max_tokens: int = 64

    def __post_init__(self) -> None:
        self._documents  # noqa: B018 - a bad collection is refused here, not at the first question

    @cached_property
    def _documents(self) -> Mapping[str, Document]:
        return {} if self.collection is None else by_name(self.collection)

    def talk(self, example: Example) -> Talk[Answer]:
        units = self._units(example)
        shown = self._shown(units)
        sizes = [self.llm.tokenizer.count(text) + 1 for text in shown]
        length = tokens_of(example, self.max_tokens) + self.name_tokens
        kept = fitting(sizes, room_for(self.llm, self._asking(example, ""), length))
        prompt = self._asking(example, "".join(shown[i] for i in kept))
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        named, text = named_and_said(said.text)
        places = [units[i].metadata for i in numbers_in(named, len(units)) if i in kept]
        evidence = tuple(Evidence(one["source"], one["start_index"], one["end_index"]) for one in places)
        return Answer(text, "", evidence, Usage(cut_tokens=sum(sizes) - sum(sizes[i] for i in kept)))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: all units once for the questions on a document, and each question after them."""
        loads: list[PromptLoad] = []
        for document, asked in by_document(examples).items():
            text = sum(self.llm.tokenizer.count(one) + 1 for one in self._shown(self._units(asked[0])))
            length = max(tokens_of(example, self.max_tokens) for example in asked) + self.name_tokens
            frame = max(self.llm.count(self._asking(example, "")) for example in asked) + MARGIN
            room = max(0, self.llm.window - length - frame)
            loads.append(
                PromptLoad(document, min(text, room), len(asked), frame, length, max(0, text - room))
            )
        return loads

    def _units(self, example: Example) -> list[Document]:
        documents = list(self._documents.values()) or [example.document]
        return [unit for one in documents for unit in units_of(one, self.unit, self.llm.tokenizer)]

    def _shown(self, units: Sequence[Document]) -> list[str]:
        return [
            self._texts.fill(
                "unit.text",
                number=number,
                title=str(unit.metadata.get("title", "")),
                text=unit.page_content.strip(),
            )
            for number, unit in enumerate(units, 1)
        ]

    def _asking(self, example: Example, text: str) -> Prompt:
        kind = "collection" if len(self._documents) > 1 else kind_of(example)
        source = self._texts.one_of("source", kind)
        return self._texts.prompt("answer", source=source, text=text, question=example.question)
