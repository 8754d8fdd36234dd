"""Readers that let the model's own attention say in which order it reads the passages."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Floats, Prompt, Role, Seen, attending
from rlc.data.records import Answer, Example, Usage
from rlc.pipeline.context import check_policy, fit_passages
from rlc.pipeline.readers.support.asking import (
    MARGIN,
    NothingRetrieved,
    evidence_of,
    room_for_text,
    tokens_of,
)
from rlc.pipeline.readers.support.moves import BETWEEN
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, attend, search

ANSWER: Mapping[str, Sequence[str]] = {
    "answer.prefix": ("source?", "text"),
    "answer.question": ("question",),
    "source.other": (),
}
"""What these readers ask, in their files."""

MARK = "\0"  # stands around texts while their places in a prompt are looked for


@dataclass(frozen=True)
class ArrangedReader(Strategy):
    """Retrieve, let the model look at the passages, and answer from them in the order that a subclass makes of it."""

    role: ClassVar[Role] = "rag"

    search: Searcher
    llm: LLM
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        attending(self.llm)

    @abstractmethod
    def arrange(self, example: Example, texts: Sequence[str]) -> Talk[list[int]]:
        """The places of the texts, given best first, in the order in which they are read; some may be left out."""

    @abstractmethod
    def looks(self, passages: int) -> int:
        """How often, at most, so many passages are looked at before they are read."""

    def talk(self, example: Example) -> Talk[Answer]:
        [found] = yield from search(self.search, example.document, example.question)
        if not found:
            raise NothingRetrieved("no passage shares a word with the question, or a step left none")
        texts = [passage.page_content for passage in found]
        kept, cut = fit_passages(texts, self._room(example, len(found)), self.llm.tokenizer, self.overflow)
        order = yield from self.arrange(example, texts[:kept])
        prompt = self._showing(example, [texts[i] for i in order])
        length = tokens_of(example, self.max_tokens)
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        evidence = [one for i in order for one in evidence_of(example.document_id, found[i])]
        return Answer(said.text, "", tuple(evidence), Usage(cut_tokens=cut))

    def paid(self, example: Example, texts: Sequence[str], name: str) -> Talk[Floats]:
        """What the last token before the answer pays to each text, read in this order: the mean of a token of it.

        Mean over layers and heads, float32 [texts].
        """
        prompt = self._showing(example, texts)
        spans = spans_of(lambda marked: self._showing(example, marked), texts)

        def see(seen: Seen) -> Floats:
            tokens = np.array([max(1, len(seen.within(*span))) for span in spans])
            return np.asarray(seen.on(spans).mean((0, 1)) / tokens, np.float32)

        return (
            yield from attend(
                self.llm, prompt, see, mean_of_layers, about=["a token's mean", spans], name=name
            )
        )

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: the passages as often as they are looked at, and once more; None where a part cannot say."""
        loads: list[PromptLoad] = []
        for example in examples:
            load = self.search.bound(example.document, self.llm.tokenizer)
            if load is None:
                return None
            room = max(0, self._room(example, load.passages))
            frame = self._last_prompt("answer", example, BETWEEN * load.passages)
            one = PromptLoad(
                example.document_id,
                load.tokens if self.overflow == "refuse" else min(load.tokens, room),
                1,
                self.llm.count(frame) + MARGIN + load.passages,
                tokens_of(example, self.max_tokens),
            )
            loads += [one] * (self.looks(load.passages) + 1)
        return loads

    def _room(self, example: Example, passages: int) -> int:
        frame = self._last_prompt("answer", example, BETWEEN * passages)
        return room_for_text(self.llm, frame, tokens_of(example, self.max_tokens))

    def _showing(self, example: Example, texts: Sequence[str]) -> Prompt:
        return self._last_prompt("answer", example, BETWEEN.join(texts))


def spans_of(show: Callable[[Sequence[str]], Prompt], texts: Sequence[str]) -> list[tuple[int, int]]:
    """Where each text stands in the prefix of the prompt that shows them, whatever else stands there."""
    marked = show([f"{MARK}{text.replace(MARK, ' ')}{MARK}" for text in texts]).prefix
    ends = np.cumsum([len(piece) for piece in marked.split(MARK)]).tolist()
    return list(zip(ends[0::2], ends[1::2], strict=False))


def mean_of_layers(layers: Sequence[Floats]) -> Floats:
    """The mean of what was made of each layer."""
    return np.asarray(np.mean(np.stack(layers), axis=0), np.float32)
