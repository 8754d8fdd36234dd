"""Verifying: an answer from passages stands if the model that reads the whole document finds it likely."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from rlc.data.errors import STOPPING, ContextOverflowError, EngineError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Pays, Reader, Role, weighing
from rlc.data.records import Answer, Example
from rlc.data.text.abstention import abstains
from rlc.pipeline.context import check_policy
from rlc.pipeline.readers.long import LongReader
from rlc.pipeline.routers.support.split import ask_where, paid

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verified:
    """Let `llm` read the document and weigh the answer of `rag`; ask `long` where it finds it unlikely.

    What is weighed is the mean log-probability (natural) of the answer's tokens after the prompt that the arm `long` asks,
    so that an engine which keeps what it has read reads the document once for both. An answer that refused, failed or
    could not be weighed is asked again, unread. Nothing is written for an answer that stands: verifying costs one
    reading, which further questions on the document share.

    Source: the verifying half of speculative decoding over a retrieved draft, as in RAPID (arXiv 2502.20330), with the
    draft whole; a threshold in place of its token by token test is ours, and so is its default.

    Args:
        rag: answers from passages.
        long: answers from the whole document.
        llm: reads the document and weighs; the engine of `long`, as a rule.
        least: the mean log-probability at which an answer stands, at most 0.
        overflow: what becomes of a document that does not fit the window, as in `long`.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    pays: ClassVar[Pays] = "all"

    rag: Reader
    long: Reader
    llm: LLM
    least: float = -1.0
    overflow: str = "middle"

    def __post_init__(self) -> None:
        if not self.least <= 0:
            raise ValueError(f"least is a log-probability, at most 0; got {self.least}")
        check_policy(self.overflow)
        weighing(self.llm)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        first = [self._weighed(*pair) for pair in zip(examples, self.rag(examples), strict=True)]
        doubted = [_doubted(answer.details["likelihood"], self.least) for answer in first]
        second = ask_where(examples, doubted, self.long)
        return [
            a
            if b is None
            else replace(paid(b, a), details={**b.details, "likelihood": a.details["likelihood"]})
            for a, b in zip(first, second, strict=True)
        ]

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound what verifying reads: the document, and after each question an answer; what its arms read is theirs to say."""
        loads = self._reader.reads(examples)
        return loads and [
            replace(load, question_tokens=load.question_tokens + load.answer_tokens, answer_tokens=0)
            for load in loads
        ]

    def _weighed(self, example: Example, answer: Answer) -> Answer:
        """The answer with its `likelihood` in the details; None where nothing was weighed."""
        prompt, text = self._reader._request(example, {}).prompt, answer.text.strip()
        likelihood, usage = None, answer.usage
        if answer.error is None and text and prompt is not None and not abstains(text):
            try:
                [weighed] = weighing(self.llm).weigh([prompt], [[text]])
                likelihood = float(weighed.values[0]) / max(1, self.llm.tokenizer.count(text))
                usage = usage.then(replace(weighed.usage, calls=1, rounds=1))
            except STOPPING:
                raise
            except (
                ContextOverflowError,
                EngineError,
            ) as error:  # the other arm will say so of its own reading
                log.warning("the answer to %s could not be weighed: %s", example.id, error)
        return replace(answer, usage=usage, details={**answer.details, "likelihood": likelihood})

    @cached_property
    def _reader(self) -> LongReader:
        """Makes the prompts that are weighed after."""
        return LongReader(self.llm, overflow=self.overflow)


def _doubted(likelihood: float | None, least: float) -> bool:
    return likelihood is None or likelihood < least
