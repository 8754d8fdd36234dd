"""Reranking by a language model that sorts a list."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from rlc.data.errors import DataError, EngineError
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Floats
from rlc.data.tokens import head
from rlc.retrievers.rerank.base import Reranker


class ListwiseReranker(Reranker):
    """Lets a language model sort the passages, in windows that slide from the worst up to the best.

    Each window's winners move on into the next one, so `step` passages can rise from the bottom to the top. A
    number that the model leaves out keeps its place behind those that it names, as in the paper; `unsorted`
    counts answers that named none. The score is 1 / rank: the model gives no other.

    Attributes:
        llm: the engine.
        size: passages in a window; 20 in the paper.
        step: how far the window moves; 10 in the paper.
        passage_tokens: a longer passage is shown by its first tokens; the paper shows 300 words.
        prompt: how the model is asked to sort.

    Source: Sun et al., RankGPT, EMNLP 2023, arXiv 2304.09542.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": ("passages",),
        "ask.question": ("query", "count?"),
    }

    llm: LLM
    size: int = Field(default=20, ge=2)
    step: int = Field(default=10, ge=1)
    passage_tokens: int = Field(default=400, ge=1)
    prompt: PromptFile = ENGLISH
    _unsorted: int = PrivateAttr(default=0)

    @property
    def unsorted(self) -> int:
        """How many of the model's answers named no passage at all, so far."""
        return self._unsorted

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """1 / rank of each text, float32 [texts].

        Raises:
            EngineError: if the model gives no answer.
            DataError: if a window of passages does not fit the model.
        """
        order = list(range(len(texts)))
        start = max(0, len(order) - self.size)
        while True:
            window = order[start : start + self.size]
            ranks = self._sorted(query, [texts[i] for i in window])
            order[start : start + self.size] = [window[i] for i in ranks]
            if start == 0:
                break
            start = max(0, start - self.step)
        scores = np.zeros(len(texts), dtype=np.float32)
        scores[order] = 1 / np.arange(1, len(texts) + 1)
        return scores

    def _sorted(self, query: str, texts: Sequence[str]) -> list[int]:
        shown = [head(self.llm.tokenizer, text, self.passage_tokens) for text in texts]
        passages = "\n\n".join(f"[{i}] {text}" for i, text in enumerate(shown, start=1))
        prompt = read_prompts(ListwiseReranker, self.prompt).prompt(
            "ask", passages=passages, query=query, count=len(texts)
        )
        tokens = 8 * len(texts)  # "[12] > " is about six
        if (count := self.llm.count(prompt)) + tokens > self.llm.window:
            raise DataError(
                f"{len(texts)} passages make a prompt of {count} tokens, too many for {self.llm.name}'s window of "
                f"{self.llm.window}: set a smaller size or passage_tokens"
            )
        [generation] = self.llm.generate([prompt], max_tokens=tokens)
        if generation.error is not None:
            raise EngineError(f"{self.llm.name} sorted no passages: {generation.error}")
        named = parse_ranking(generation.text, len(texts))
        self._unsorted += not named
        return [*named, *(i for i in range(len(texts)) if i not in named)]


def parse_ranking(answer: str, count: int) -> list[int]:
    """The places (from 0) that an answer such as "[2] > [1]" names, each once; numbers out of range are left out."""
    numbers = [int(number) - 1 for number in re.findall(r"\[(\d+)\]", answer)]
    return [place for place in dict.fromkeys(numbers) if 0 <= place < count]
