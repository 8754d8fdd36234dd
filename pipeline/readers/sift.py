"""SIFT: facts written down from the document, and an answer that holds with them and with the document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Example, Usage
from rlc.data.tokens import count_once
from rlc.pipeline.context import Fitted, check_policy
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import fitted, marked_answer, room_for, what_it_says
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask


@dataclass(frozen=True)
class Sift(Strategy):
    """Write a sticker of the facts that the question needs, and answer where sticker and document agree.

    The model answers from the sticker alone and from the document with the sticker, both at once. Where they say the
    same, that is the answer. Where they do not, the sticker is corrected by the document (forward), and then once more
    after it was written anew from the second answer (inverse). Where they never agree the document alone decides.
    `details` hold in which of the three stages (from 1) they agreed; 0 is never.

    Source: Zeng et al., SIFT: Grounding LLM Reasoning in Contexts via Stickers, arXiv 2502.14922: stickers of 1,024
    tokens. There the text is a problem in mathematics, here it is the document.

    Args:
        llm: reads.
        sticker_tokens: of a sticker.
        reason_tokens: of what is said before an answer.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of a document that does not fit the window: `refuse`, `middle` or `head`.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "read.prefix": ("source?", "text"),
        "sticker.question": ("question",),
        "both.question": ("question", "sticker"),
        "forward.question": ("question", "sticker"),
        "alone.prefix": ("sticker",),
        "alone.question": ("question",),
        "inverse.question": ("question", "answer"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "source.other": (),
    }

    llm: LLM
    sticker_tokens: int = 1024
    reason_tokens: int = 256
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)

    def talk(self, example: Example) -> Talk[Answer]:
        read = self._fit(example)
        cut = Usage(cut_tokens=read.cut_tokens)
        [sticker] = yield from self._say(
            self.sticker_tokens, "sticker", self._reading("sticker", example, read)
        )
        for stage in (1, 2, 3):
            both = self._reading("both", example, read, sticker=sticker)
            alone = self._prompt("alone", example, sticker=sticker)
            said = yield from self._say(self._reasoned(example), "predict", both, alone)
            texts = [marked_answer(text) or text for text in said]
            if what_it_says(texts[0]) == what_it_says(texts[1]):
                return Answer(texts[0], "", usage=cut, details={"stage": stage})
            if stage == 2:
                inverse = self._prompt("inverse", example, answer=said[0])
                [sticker] = yield from self._say(self.sticker_tokens, "inverse", inverse)
            if stage < 3:
                forward = self._reading("forward", example, read, sticker=sticker)
                [sticker] = yield from self._say(self.sticker_tokens, "forward", forward)
        last = self._last_prompt("answer", example, read.text)
        [text] = yield from self._say(tokens_of(example, self.max_tokens), "answer", last)
        return Answer(text, "", usage=cut, details={"stage": 0})

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts as if sticker and document never agreed: seven with the document, four without."""
        loads: list[PromptLoad] = []
        for example in examples:
            whole = count_once(self.llm.tokenizer, example.document.page_content)
            room = max(0, self._room(example))
            text = whole if self.overflow == "refuse" else min(whole, room)
            beside = max(self.sticker_tokens, self._reasoned(example)) + MARGIN
            reading, other = [
                max(map(self.llm.count, frames)) + beside
                for frames in (self._readings(example), self._others(example))
            ]
            new = max(self.sticker_tokens, self._reasoned(example), tokens_of(example, self.max_tokens))
            document = example.document_id
            loads.append(PromptLoad(document, text, 7, reading + MARGIN, new, max(0, whole - room)))
            loads.append(PromptLoad(document, 0, 4, other, new))
        return loads

    def _say(self, tokens: int, name: str, *prompts: Prompt) -> Talk[list[str]]:
        said = yield from ask(self.llm, *prompts, max_tokens=tokens, seed=self.seed, name=name)
        return [one.text.strip() for one in said]

    def _reasoned(self, example: Example) -> int:
        return self.reason_tokens + tokens_of(example, self.max_tokens)

    def _reading(self, name: str, example: Example, read: Fitted, **places: str) -> Prompt:
        """A prompt of the document, which engines keep from one to the next."""
        prefix = self._prompt("read", example, text=read.text).prefix
        return Prompt(prefix, self._prompt(name, example, **places).question)

    def _readings(self, example: Example) -> list[Prompt]:
        """All prompts of the document, with neither text nor sticker."""
        names, nothing = ("sticker", "both", "forward"), Fitted("", 0, ())
        last = self._last_prompt("answer", example, "")
        return [last, *(self._reading(name, example, nothing, sticker="") for name in names)]

    def _others(self, example: Example) -> list[Prompt]:
        return [
            self._prompt("alone", example, sticker=""),
            self._prompt("inverse", example, answer=""),
        ]

    def _room(self, example: Example) -> int:
        """Tokens left for the document in all prompts that it stands in."""
        new = max(self.sticker_tokens, self._reasoned(example))
        return min(
            room_for(self.llm, frame, new, beside=self.sticker_tokens) for frame in self._readings(example)
        )

    def _fit(self, example: Example) -> Fitted:
        text = example.document.page_content
        return fitted(text, self._room(example), self.llm.tokenizer, self.overflow)
