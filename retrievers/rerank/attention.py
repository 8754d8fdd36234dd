"""Reranking by attention: what a language model looks at when it reads the query after the passages."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from pydantic import model_validator

from rlc.data.errors import ContextOverflowError, DataError
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Floats, Seen, attending
from rlc.retrievers.rerank.base import Reranker

NO_QUERY = "N/A"  # what is looked at for no reason
BETWEEN = "\n\n"


class AttentionReranker(Reranker):
    """Sorts the passages by the attention that a language model pays them from the query, less that from no query.

    All passages are read once; two short passes follow, one with the query "N/A". A token's score is the attention paid
    to it by everything that stands after the passages (mean over these rows, summed over all layers and heads), less the
    same for "N/A". A passage's score is the sum of its tokens', without those that "N/A" lifts two standard deviations
    above the passage's mean. Nothing is written, and the answer's form cannot go wrong.

    The passages must fit the window together: in the paper windows that slide make it worse. Needs an engine that shows
    what it looks at (`hf`).

    Attributes:
        llm: the engine.
        prompt: the words around passages and query.

    Raises:
        UnsupportedError: if the engine does not show what it looks at.

    Source: Chen et al., In-Context Re-ranking, ICLR 2025, arXiv 2410.02642.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": ("passages",),
        "ask.question": ("query",),
    }

    llm: LLM
    prompt: PromptFile = ENGLISH

    @model_validator(mode="after")
    def _shows(self) -> Self:
        attending(self.llm)
        return self

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """Calibrated attention, float32 [texts].

        Raises:
            DataError: if the passages do not fit the model together.
        """
        numbered = [f"[{i}] {text}" for i, text in enumerate(texts, start=1)]
        nothing, paid = (self._paid(asked, numbered) for asked in (NO_QUERY, query))
        return np.array(
            [calibrated(mine, none) for mine, none in zip(paid, nothing, strict=True)], np.float32
        )

    def _paid(self, query: str, texts: Sequence[str]) -> list[Floats]:
        """The attention paid to each token of each text."""
        texts_together = BETWEEN.join(texts)
        prompt = read_prompts(AttentionReranker, self.prompt).prompt(
            "ask", passages=texts_together, query=query
        )
        start = prompt.prefix.index(texts_together)
        spans = []
        for text in texts:
            spans.append((start, start + len(text)))
            start += len(text) + len(BETWEEN)

        def see(seen: Seen) -> list[Floats]:
            paid = seen.attention.mean(1).sum(0)
            return [paid[seen.within(*span)] for span in spans]

        try:
            layers, _ = attending(self.llm).watch(prompt, see, since=len(prompt.prefix))
        except ContextOverflowError as error:
            raise DataError(
                f"{len(texts)} passages do not fit the window of {self.llm.name} together: {error}"
            ) from error
        return [np.sum(token, axis=0) for token in zip(*layers, strict=True)]


def calibrated(paid: Floats, nothing: Floats) -> float:
    """A passage's score: the attention paid to its tokens less that paid for no query, outliers below left out.

    Args:
        paid: float32 [tokens], with the query.
        nothing: the same without one.
    """
    scores = paid - nothing
    if len(scores) < 2:
        return float(scores.sum())
    return float(scores[scores > scores.mean() - 2 * scores.std(ddof=1)].sum())
