"""P(True): an answer from passages stands if a model, shown both, believes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from rlc.data.loads import Foreseeable, PromptLoad
from rlc.data.protocols import LLM, Pays, Prompt, Reader, Role
from rlc.data.records import Answer, Example
from rlc.data.text.abstention import abstains
from rlc.pipeline.context import fit_passages
from rlc.pipeline.readers.support.asking import MARGIN, room_for_text
from rlc.pipeline.readers.support.moves import BETWEEN
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, read, weigh

OPTION = 8  # tokens of "true" and "false" together, in any language that ships


@dataclass(frozen=True)
class PTrue(Strategy):
    """Let `llm` weigh whether the answer of `rag` is true by its passages; ask `long` where it doubts that.

    P(true) = p("true") / (p("true") + p("false")), both after the passages, the question and the answer. Below `least` the
    document is read: Self-Route with a curve in place of its one point, as `least` goes from 0 (after refusals alone) to
    1. Answers that refuse, fail, or do not show what they were read from are asked again, unweighed: their P(true) is None. Nothing is
    written for the choice, and the document is not read for it.

    Source: P(True), Kadavath et al., Language Models (Mostly) Know What They Know, arXiv 2207.05221, section 3; there the
    model judges answers of its own without a text, and no document is read afterwards.

    Args:
        rag: answers from passages.
        long: answers from the whole document.
        llm: weighs (hf, vllm).
        least: P(true) at which an answer stands, 0 to 1.
    """

    VERSION: ClassVar[int] = 2  # answers that are not weighed say so
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "all"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": ("source?", "passages"),
        "ask.question": ("question", "answer"),
        "ask.reply": (),
        "option.true": (),
        "option.false": (),
        "source.other": (),
    }

    rag: Reader
    long: Reader
    llm: LLM
    least: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1:
            raise ValueError(f"least is a probability, 0 to 1, got {self.least}")

    def talk(self, example: Example) -> Talk[Answer]:
        first = yield from read(self.rag, example, name="rag")
        true: float | None = None
        if first.error is None and not abstains(first.text) and (passages := _passages(example, first)):
            options = [self._texts.fill(f"option.{word}") for word in ("true", "false")]
            prompt = self._fitted(example, passages, first.text)
            values = yield from weigh(self.llm, prompt, options, name="doubt")
            likely = np.exp(values - values.max())
            true = float(likely[0] / likely.sum())
        stands = true is not None and true >= self.least
        answer = first if stands else (yield from read(self.long, example, name="long"))
        return replace(answer, steps=(), details={**answer.details, "p_true": true})

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound what deciding reads: no more than `rag` does, and its answer; what its arms read is theirs to say."""
        loads = self.rag.reads(examples) if isinstance(self.rag, Foreseeable) else None
        if loads is None:
            return None
        frame = max((self.llm.count(self._framed(example, "", "")) for example in examples), default=0)
        more = frame + MARGIN + OPTION
        return [
            replace(load, question_tokens=load.question_tokens + load.answer_tokens + more, answer_tokens=0)
            for load in loads
        ]

    def _fitted(self, example: Example, passages: Sequence[str], answer: str) -> Prompt:
        room = room_for_text(self.llm, self._framed(example, "", answer), OPTION)
        kept, _ = fit_passages(passages, room, self.llm.tokenizer, "middle")
        return self._framed(example, BETWEEN.join(passages[:kept]), answer)

    def _framed(self, example: Example, passages: str, answer: str) -> Prompt:
        framed = self._prompt("ask", example, passages=passages, answer=answer)
        return replace(framed, reply=self._texts.fill("ask.reply"))


def _passages(example: Example, answer: Answer) -> list[str]:
    """What an answer was read from, as far as it stands in the example's document, in the order of its evidence."""
    text = example.document.page_content
    spans = dict.fromkeys(
        (one.start, one.end) for one in answer.evidence if one.document_id == example.document_id
    )
    return [text[start:end] for start, end in spans]
