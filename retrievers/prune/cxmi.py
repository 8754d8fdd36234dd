"""Pruning by what an answer gains from a sentence: FILCO's conditional cross-mutual information."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.errors import DataError, EngineError
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import LLM, Floats, Prompt, Scorer
from rlc.retrievers.prune.base import Asked, Judged, SentencePruner, Share
from rlc.retrievers.prune.support.units import Unit


@runtime_checkable
class ScoringLLM(LLM, Scorer, Protocol):
    """An engine that writes answers and says how likely a given one is, such as `hf`."""


class CxmiPruner(SentencePruner):
    """Keeps the sentences that make an answer more likely.

    For a sentence t, a question q and an answer o,

        cxmi(t) = p(o | t, q) / p(o | q),        worth(t) = cxmi(t) / (1 + cxmi(t)),

    so that worth is above 1/2 where the sentence speaks for the answer. Everything is conditioned on *an answer*: in
    the paper the gold one, since there the measure labels training data for a filter. Here it is the one given in
    `answers`, which makes labels, or else one that the engine drafts from all of the question's passages before
    anything is pruned, which makes a pruner: it then keeps what speaks for the draft, be that right or wrong. The
    paper keeps the best sentence of all; here every one above the threshold stays.

    One pass of the model a sentence, one a question, and the draft.

    Attributes:
        llm: an engine that gives log-probabilities of given texts (`rlc.data.protocols.Scorer`).
        answers: question -> the answer to condition on.
        max_tokens: length of a draft.
        threshold: the worth that a sentence must exceed.
        prompt: how a draft is asked for.

    Source: the third measure of Wang et al., Learning to Filter Context for Retrieval-Augmented Generation (FILCO),
    arXiv 2311.08377.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"ask.prefix": ("passages",), "ask.question": ("query",)}

    llm: ScoringLLM
    answers: Mapping[str, str] = Field(default_factory=dict)
    max_tokens: int = Field(default=32, ge=1)
    threshold: Share = 0.5
    prompt: PromptFile = ENGLISH

    def judge(self, asked: Sequence[Asked], cut: Sequence[Sequence[Sequence[Unit]]]) -> list[list[Judged]]:
        """The worth of every unit.

        Raises:
            DataError: if the passages do not fit the engine's window together, to draft an answer from.
            EngineError: if the engine drafts no answer.
        """
        found = []
        for one, passages, answer in zip(asked, cut, self._answers(asked), strict=True):
            texts = [
                document.page_content[unit.start : unit.end]
                for document, passage in zip(one.documents, passages, strict=True)
                for unit in passage
            ]
            worth = worths(self.llm, one.query, answer, texts)
            borders = np.cumsum([len(passage) for passage in passages])[:-1]
            parts = np.split(worth, borders) if passages else []
            found.append([Judged(passage, part) for passage, part in zip(passages, parts, strict=True)])
        return found

    def _answers(self, asked: Sequence[Asked]) -> list[str]:
        """The answer that each question's sentences are held against; none where there is no passage."""
        open_ = [one for one in asked if one.documents and one.query not in self.answers]
        drafted = iter(self._drafts(open_))
        return [
            self.answers[one.query] if one.query in self.answers else next(drafted) if one.documents else ""
            for one in asked
        ]

    def _drafts(self, asked: Sequence[Asked]) -> list[str]:
        texts = read_prompts(CxmiPruner, self.prompt)
        prompts = [draft_prompt(texts, one.query, one.documents) for one in asked]
        for prompt in prompts:
            if (count := self.llm.count(prompt)) + self.max_tokens > self.llm.window:
                raise DataError(
                    f"a question's passages make a prompt of {count} tokens, too many for {self.llm.name}'s window "
                    f"of {self.llm.window}: retrieve fewer, or cut smaller passages"
                )
        generations = self.llm.generate(prompts, max_tokens=self.max_tokens) if prompts else []
        for one, generation in zip(asked, generations, strict=True):
            if generation.error is not None or not generation.text.strip():
                raise EngineError(
                    f"{self.llm.name} drafted no answer to {one.query!r}: {generation.error or 'it is empty'}; "
                    "give one in `answers`, or prune by another measure"
                )
        return [generation.text.strip() for generation in generations]


def draft_prompt(texts: PromptTexts, query: str, documents: Sequence[Document]) -> Prompt:
    """What the engine drafts an answer from."""
    passages = "\n\n".join(document.page_content for document in documents)
    return texts.prompt("ask", passages=passages, query=query)


def worths(scorer: Scorer, query: str, answer: str, sentences: Sequence[str]) -> Floats:
    """Cxmi / (1 + cxmi) of every sentence, float32 [sentences]: p(answer | sentence, query) over that without it."""
    if not sentences:
        return np.zeros(0, np.float32)
    request = f"Question: {query}\nAnswer:"
    contexts = [request, *(f"{sentence.strip()}\n\n{request}" for sentence in sentences)]
    scored = scorer.logprobs(contexts, [f" {answer}"] * len(contexts))
    alone, *given = (float(one.values.sum()) for one in scored)
    return (1 / (1 + np.exp(np.clip(alone - np.array(given), -60, 60)))).astype(np.float32)
