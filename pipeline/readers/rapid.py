"""RAPID: a drafter that has read the retrieved passages, and a target that has read the whole document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role, adapted
from rlc.data.records import Answer, Document, Example, Usage, by_document
from rlc.data.tokens import count_once
from rlc.pipeline.context import check_policy, fit_passages
from rlc.pipeline.llms.support.drafting import DraftedPrompt, Drafting
from rlc.pipeline.llms.support.speculation import Speculation
from rlc.pipeline.readers.support.asking import (
    MARGIN,
    NothingRetrieved,
    evidence_of,
    room_for_text,
    tokens_of,
)
from rlc.pipeline.readers.support.moves import BETWEEN, fitted
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search


@dataclass(frozen=True)
class Rapid(Strategy):
    """Let a drafter that reads the passages write ahead, and the model that reads the document take what it agrees with.

    Both are asked in the same words, the drafter with the passages in the document's place. The target reads a draft of
    `gamma` tokens in one pass and takes them as long as they are its own likeliest, after its logits were moved towards
    the drafter's distribution by `eta`. With `eta = 0` the answer is what the target alone would write, sooner; above
    that the passages have a say in it, and every answer notes so. Both prompts are the answer's prompt tokens; evidence
    are the passages.

    Source: Chen et al., ICML 2025, arXiv 2502.20330: from 39.3 to 42.8 on InfiniteBench at twice the speed. Settings are
    the authors' for a model that drafts for itself; they retrieve 8,192 tokens in chunks of 512 and sample, here the
    likeliest token is taken.

    Args:
        llm: reads the document; an engine whose model is within reach (`hf`).
        search: finds the passages that the drafter reads, best first.
        drafter: reads the passages; a smaller model with the same tokens. None takes `llm`.
        gamma: tokens of a draft, at most.
        eta: how far the target is moved towards the drafter.
        floor: the least probability of a token that it is moved for, as a share of the drafter's likeliest.
        least: a draft ends at a token that the drafter gives less than this probability.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of a document that does not fit the window: `refuse`, `middle` or `head`; of passages too.
    """

    role: ClassVar[Role] = "both"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "source.other": (),
    }

    llm: LLM
    search: Searcher
    drafter: LLM | None = None
    gamma: int = 10
    eta: float = 10.0
    floor: float = 0.1
    least: float = 0.4
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        self._engine  # noqa: B018 - settings and engines that cannot do it are refused here, not at the first question

    @cached_property
    def _engine(self) -> LLM:
        how = Speculation(self.gamma, self.eta, self.floor, self.least)
        return adapted(self.llm, Drafting(how, self.drafter))

    def talk(self, example: Example) -> Talk[Answer]:
        [passages] = yield from search(self.search, example.document, example.question)
        kept = self._fitting(example, passages)
        length = tokens_of(example, self.max_tokens)
        frame = self._last_prompt("answer", example, "")
        room = room_for_text(self.llm, frame, length)
        fit = fitted(example.document.page_content, room, self.llm.tokenizer, self.overflow)
        prompt = self._last_prompt("answer", example, fit.text)
        draft = self._last_prompt("answer", example, BETWEEN.join(one.page_content for one in kept))
        both = DraftedPrompt(prompt.prefix, prompt.question, prompt.system, prompt.reply, draft)
        [said] = yield from ask(self._engine, both, max_tokens=length, seed=self.seed, name="answer")
        evidence = [one for passage in kept for one in evidence_of(example.document_id, passage)]
        return Answer(said.text, "", tuple(evidence), Usage(cut_tokens=fit.cut_tokens))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: the document once for its questions, the passages for each.

        None where a part of the search cannot say.
        """
        loads: list[PromptLoad] = []
        for document, asked in by_document(examples).items():
            whole = count_once(self.llm.tokenizer, asked[0].document.page_content)
            frames = [self._last_prompt("answer", example, "") for example in asked]
            lengths = [tokens_of(example, self.max_tokens) for example in asked]
            found = self.search.bound(asked[0].document, self._drafter.tokenizer)
            if found is None:
                return None
            room = max(0, *(room_for_text(self.llm, *one) for one in zip(frames, lengths, strict=True)))
            read = whole if self.overflow == "refuse" else min(whole, room)
            frame = max(map(self.llm.count, frames)) + MARGIN
            loads.append(PromptLoad(document, read, len(asked), frame, max(lengths), max(0, whole - room)))
            draft = max(map(self._drafter.count, frames)) + MARGIN * (found.passages + 1) + found.tokens
            loads.append(PromptLoad(document, 0, len(asked), draft, 0))
        return loads

    @property
    def _drafter(self) -> LLM:
        return self.llm if self.drafter is None else self.drafter

    def _fitting(self, example: Example, passages: Sequence[Document]) -> Sequence[Document]:
        """The passages that fit the drafter's window, best first."""
        frame: Prompt = self._last_prompt("answer", example, BETWEEN * len(passages))
        room = room_for_text(self._drafter, frame, tokens_of(example, self.max_tokens))
        texts = [passage.page_content for passage in passages]
        kept, _ = fit_passages(texts, room, self._drafter.tokenizer, self.overflow)
        if not kept:
            raise NothingRetrieved("no passage shares a word with the question, or a step left none")
        return passages[:kept]
