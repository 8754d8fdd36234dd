"""Pruning by quotation: a language model copies out what answers the question, and only true copies count."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from rlc.data.errors import DataError, EngineError
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Floats, Generation
from rlc.retrievers.prune.base import Asked, Judged, SentencePruner
from rlc.retrievers.prune.support.units import Unit

_LINE = re.compile(r"^\s*(?:[-*•]|\d+[.)])?\s*[\"“”'‘’]*(.*?)[\"“”'‘’]*\s*$")
_SHORTEST = 3  # words; shorter quotes are found everywhere


class ExtractivePruner(SentencePruner):
    """Keeps the sentences that a language model quotes.

    A line of the model's answer counts only if it stands in the passage, but for white space; every sentence that it
    touches is worth 1. What the model made up, shortened or reworded is left out and counted in `unverified`. With a
    `ratio`, the quoted sentences stay as far as they fit, and others after them.

    Attributes:
        llm: the engine.
        max_tokens: length of an answer.
        prompt: how the sentences are asked for.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"ask.prefix": ("passage",), "ask.question": ("query",)}

    llm: LLM
    max_tokens: int = Field(default=256, ge=1)
    prompt: PromptFile = ENGLISH
    _unverified: int = PrivateAttr(default=0)

    @property
    def unverified(self) -> int:
        """How many quotes did not stand in their passage, so far."""
        return self._unverified

    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """1 for the units that the model quotes, else 0; all passages of all questions in one batch.

        Raises:
            DataError: if a passage does not fit the model's window.
            EngineError: if the model gives no answer.
        """
        flat = [(one.query, document.page_content) for one in asked for document in one.documents]
        texts = read_prompts(ExtractivePruner, self.prompt)
        prompts = [texts.prompt("ask", passage=text, query=query) for query, text in flat]
        for prompt in prompts:
            if (count := self.llm.count(prompt)) + self.max_tokens > self.llm.window:
                raise DataError(
                    f"a passage makes a prompt of {count} tokens, too many for {self.llm.name}'s window of "
                    f"{self.llm.window}: cut smaller passages"
                )
        generations = iter(self.llm.generate(prompts, max_tokens=self.max_tokens) if prompts else [])
        return [
            [
                Judged(passage, self._worth(next(generations), document.page_content, passage))
                for document, passage in zip(one.documents, passages, strict=True)
            ]
            for one, passages in zip(asked, cut, strict=True)
        ]

    def _worth(self, generation: Generation, text: str, cut: Sequence[Unit]) -> Floats:
        if generation.error is not None:
            raise EngineError(f"{self.llm.name} quoted nothing: {generation.error}")
        spans, made_up = verified_quotes(generation.text, text)
        self._unverified += made_up
        return np.array(
            [any(start < unit.end and unit.start < end for start, end in spans) for unit in cut],
            dtype=np.float32,
        )


def verified_quotes(answer: str, text: str) -> tuple[list[tuple[int, int]], int]:
    """The spans of a text that the lines of an answer quote, and the number of lines that do not stand in it.

    Bullets, numbers and quotation marks around a line are taken off; white space may differ. Lines of fewer than
    three words, `NONE` among them, are no quotes.
    """
    spans, made_up = [], 0
    for line in answer.splitlines():
        found = _LINE.match(line)
        words = found[1].split() if found else []
        if len(words) < _SHORTEST:
            continue
        match = re.search(r"\s+".join(map(re.escape, words)), text)
        if match:
            spans.append(match.span())
        else:
            made_up += 1
    return spans, made_up
