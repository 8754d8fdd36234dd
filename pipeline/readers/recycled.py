"""Recycling the context: the document, questions that it answers itself, and then the question."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Example, Usage, by_document
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import pieces_of, room_for, span_of
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, once
from rlc.pipeline.readers.support.units import fitting, named_and_said, numbers_in

_EXAMPLE = re.compile(
    r"QUESTION\W*[:：]\s*(?P<asked>\S.*?)\s*\n\W*ANSWER\W*[:：]\s*(?P<said>\S.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Recycled(Strategy):
    """Show the whole document with examples of questions on it, which name the paragraphs that answer them.

    The examples are made by the model from paragraphs drawn at random, once for the questions on a document that come
    together; that is the cost of preparing it. They stand behind the text, so that text and examples are read once.
    The model names the paragraphs before it answers, and they are the evidence. A document that does not fit loses
    paragraphs from its middle.

    Source: Cattan et al., Can Few-shot Work in Long-Context? Recycling the Context to Generate Demonstrations, arXiv
    2406.13632.

    Args:
        llm: reads.
        examples: how many.
        paragraph: tokens of a paragraph.
        example_tokens: of an example.
        name_tokens: for the paragraphs' numbers, beside an answer.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "example.question": ("source?", "text"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "demonstration.text": ("asked", "number", "said"),
        "source.other": (),
    }

    llm: LLM
    examples: int = 5
    paragraph: int = 128
    example_tokens: int = 96
    name_tokens: int = 32
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        shown = yield from once(example.document, "demonstrations", self._demonstrate(example))
        length = tokens_of(example, self.max_tokens) + self.name_tokens
        paragraphs = self._paragraphs(example)
        room = room_for(self.llm, self._asking(example, [], [], shown), length)
        kept = fitting([self._size(paragraph) for paragraph in paragraphs], room)
        prompt = self._asking(example, [paragraphs[i] for i in kept], kept, shown)
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        named, text = named_and_said(said.text)
        places = [i for i in numbers_in(named, len(paragraphs)) if i in kept]
        evidence = tuple(span_of(example, paragraphs[i]) for i in places)
        cut = sum(self._size(paragraph) for i, paragraph in enumerate(paragraphs) if i not in kept)
        return Answer(text, "", evidence, Usage(cut_tokens=cut))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: an example of each drawn paragraph, then the document with its examples once."""
        loads: list[PromptLoad] = []
        for document, asked in by_document(examples).items():
            paragraphs = self._paragraphs(asked[0])
            drawn = min(self.examples, len(paragraphs))
            frame = self.llm.count(self._prompt("example", asked[0], text="")) + MARGIN
            loads.append(PromptLoad(document, 0, drawn, frame + self.paragraph, self.example_tokens))
            shown = drawn * (self.example_tokens + 3 * MARGIN)
            text = sum(map(self._size, paragraphs))
            length = max(tokens_of(example, self.max_tokens) for example in asked) + self.name_tokens
            frame = max(self.llm.count(self._asking(example, [], [], "")) for example in asked) + MARGIN
            read = min(text + shown, self.llm.window - length)
            loads.append(PromptLoad(document, read, len(asked), frame, length))
        return loads

    def _demonstrate(self, example: Example) -> Talk[str]:
        """Examples of questions on the document, as they stand in the prompt."""
        paragraphs = self._paragraphs(example)
        draw = random.Random(f"{self.seed} {example.document_id}")  # noqa: S311 - a draw, no secret
        places = sorted(draw.sample(range(len(paragraphs)), min(self.examples, len(paragraphs))))
        prompts = [self._prompt("example", example, text=paragraphs[i].page_content.strip()) for i in places]
        said = yield from ask(
            self.llm, *prompts, max_tokens=self.example_tokens, seed=self.seed, name="example"
        )
        made = [(i, _EXAMPLE.search(one.text)) for i, one in zip(places, said, strict=True)]
        return "".join(
            self._texts.fill(
                "demonstration.text", asked=found["asked"], number=i + 1, said=found["said"].strip()
            )
            for i, found in made
            if found
        )

    def _paragraphs(self, example: Example) -> list[Document]:
        return pieces_of(example.document, self.paragraph, self.llm.tokenizer)

    def _size(self, paragraph: Document) -> int:
        """Count a paragraph's tokens, with its number and what stands between."""
        return self.llm.tokenizer.count(paragraph.page_content) + MARGIN

    def _asking(
        self, example: Example, paragraphs: Sequence[Document], places: Sequence[int], shown: str
    ) -> Prompt:
        numbered = "\n\n".join(
            f"[{i + 1}] {paragraph.page_content.strip()}"
            for i, paragraph in zip(places, paragraphs, strict=True)
        )
        return self._prompt("answer", example, text=f"{numbered}\n\n{shown}".rstrip())
