"""Just read twice: the question, the document, the document again, and the question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Example, Usage
from rlc.data.tokens import count_once
from rlc.pipeline.context import check_policy
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import BETWEEN, fitted, room_for
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask


@dataclass(frozen=True)
class ReadTwice(Strategy):
    """Give the model the question, then the whole document as often as `times` says, then the question again.

    What a model of fixed memory keeps of the first reading depends on what it is looking for; in the second it knows.
    Since the question stands first, no two questions on a document share what they read, and each pays for all of it.
    A document that does not fit so often is cut.

    Source: Arora et al., Just read twice, arXiv 2407.05483 (JRT-Prompt): 11 points for recurrent models; who has
    attention over the whole text gains less.

    Args:
        llm: reads.
        times: how often.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of a document that does not fit the window: `refuse`, `middle` or `head`.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "repeated.text": ("asked", "text"),
        "asked.text": ("question",),
        "source.other": (),
    }

    llm: LLM
    times: int = 2
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        if self.times < 1:
            raise ValueError(f"a document is read at least once, got times={self.times}")

    def talk(self, example: Example) -> Talk[Answer]:
        length = tokens_of(example, self.max_tokens)
        text = example.document.page_content
        fit = fitted(text, self._room(example), self.llm.tokenizer, self.overflow)
        prompt = self._repeated(example, fit.text)
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        return Answer(said.text, "", usage=Usage(cut_tokens=fit.cut_tokens))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: the document as often as it is read, for every question anew."""
        loads: list[PromptLoad] = []
        for example in examples:
            whole = count_once(self.llm.tokenizer, example.document.page_content)
            room = max(0, self._room(example))
            read = self.times * (whole if self.overflow == "refuse" else min(whole, room))
            frame = self.llm.count(self._repeated(example, "")) + self.times * MARGIN
            length = tokens_of(example, self.max_tokens)
            loads.append(PromptLoad(example.document_id, read, 1, frame, length, max(0, whole - room)))
        return loads

    def _room(self, example: Example) -> int:
        """Tokens of the document that fit as often as it is read."""
        room = room_for(self.llm, self._repeated(example, ""), tokens_of(example, self.max_tokens))
        return room // self.times

    def _repeated(self, example: Example, text: str) -> Prompt:
        again = BETWEEN.join([text] * self.times)
        shown = self._texts.fill("repeated.text", asked=self._asked(example), text=again)
        return self._last_prompt("answer", example, shown)
