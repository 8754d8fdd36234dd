"""RAG reader: retrieved passages of the document in the prompt."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document

from rlc.data.completed import in_order
from rlc.data.errors import ContextOverflowError, DataError, describe
from rlc.data.loads import PassageLoad, PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import LLM, Prompt, Retrieved, Role
from rlc.data.records import Answer, Example, Usage
from rlc.pipeline.context import check_policy, fit_passages, reading_order
from rlc.pipeline.prompts import rag_prompt, wording_of
from rlc.pipeline.readers.support.asking import (
    MARGIN,
    NOTHING_RETRIEVED,
    Request,
    ask_as_completed,
    evidence_of,
    room_for_text,
    tokens_of,
)
from rlc.pipeline.readers.support.searching import Searcher
from rlc.retrievers.base import RetrieverFactory


@dataclass(frozen=True)
class RagReader:
    """Cut the document, index the pieces, retrieve for each question, refine, read.

    The index of a document is made once for the questions that come together; the first of them carries its cost. A
    document that cannot be cut or indexed (an empty one) fails its own questions only, and a question for which nothing is
    retrieved fails: an answer to an empty prompt would say nothing about retrieval. A collection is indexed once in
    the reader's life, and the first question carries the cost.

    Args:
        chunker: cuts documents into passages.
        retriever: makes a retriever from passages.
        llm: reads.
        steps: rerankers, selectors and pruners that refine what is retrieved, in turn.
        order: in which passages are read: `relevance`, `reverse`, `document` or `sides`.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of passages that do not fit the window: under `refuse` the question fails, else they are
            dropped from the worst up, and counted.
        seed: of an engine that samples.
        prompt: a language that ships (`en`, `de`, `zh`), or a file of your own; either but `en` stands in place of the
            wording of a data set's authors, too.
        instruction: put after every question that is read, not after those that are searched for.
        collection: documents in all of which every question is searched, whether its own is among them or not; None
            searches its own.
        where: keep only passages whose metadata is so: a value, a list of values, or operators such as
            `{"$gte": 2000, "$lt": 2010}` by field.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "rag"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": ("source?", "passages"),
        "ask.question": ("question",),
        "passage.text": ("number?", "passage"),
        "source.other": (),
    }

    chunker: BaseDocumentTransformer
    retriever: RetrieverFactory
    llm: LLM
    steps: Sequence[BaseDocumentCompressor] = ()
    order: str = "relevance"
    max_tokens: int = 64
    overflow: str = "middle"
    seed: int = 0
    instruction: str = ""
    collection: Sequence[Document] | None = None
    where: Mapping[str, Any] | None = None
    prompt: PromptFile = ENGLISH
    # What `retrieve` found last, by example id: no part of what the reader is, it only saves the second search.
    _held: dict[str, tuple[Example, Request]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        reading_order([], self.order)
        self._texts  # noqa: B018 - nor is a bad prompt file
        self._searcher  # noqa: B018 - a bad collection is refused here, not at the first question

    @cached_property
    def _searcher(self) -> Searcher:
        return Searcher(self.chunker, self.retriever, self.steps, self.collection, self.where)

    @cached_property
    def _texts(self) -> PromptTexts:
        return read_prompts(RagReader, self.prompt)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return in_order(self.answer_as_completed(examples))

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        return ask_as_completed(self._engine, self._requests(examples), self.max_tokens, self.seed)

    @property
    def _engine(self) -> LLM:
        return self.llm

    def retrieve(self, examples: Sequence[Example], /) -> list[Retrieved]:
        """What the examples would be read with; it is kept until the next call, for answering some of them."""
        requests = self._requests(examples)
        self._held.clear()
        self._held.update({e.id: (e, request) for e, request in zip(examples, requests, strict=True)})
        return [Retrieved(request.evidence, request.usage) for request in requests]

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: a question's passages are as many and as large as the parts allow.

        None where chunker, retriever or a step cannot say.
        """
        passages: dict[str, PassageLoad | None] = {}
        loads = [self._load(example, passages) for example in examples]
        known = [load for load in loads if load is not None]
        return known if len(known) == len(loads) else None

    def _load(self, example: Example, known: dict[str, PassageLoad | None]) -> PromptLoad | None:
        """The prompt's bounds; `known` holds those of the passages by what is searched."""
        key = self._searcher.place(example.document)
        if key not in known:
            known[key] = self._searcher.bound(example.document, self.llm.tokenizer)
        load = known[key]
        if load is None:
            return None
        frame = self._prompt(example, [""] * load.passages)
        max_tokens = tokens_of(example, self.max_tokens)
        room = max(0, room_for_text(self.llm, frame, max_tokens))
        return PromptLoad(
            document=example.document_id,
            tokens=load.tokens if self.overflow == "refuse" else min(load.tokens, room),
            questions=1,
            question_tokens=self.llm.count(frame) + MARGIN + load.passages,  # a token more where each begins
            answer_tokens=max_tokens,
        )

    def now(self) -> float:
        """The clock of what retrieving costs, in seconds."""
        return time.perf_counter()

    def _requests(self, examples: Sequence[Example]) -> list[Request]:
        requests: dict[int, Request] = {}
        for i, example in enumerate(examples):
            held, request = self._held.get(example.id, (None, None))
            if held is example and request is not None:
                requests[i] = request
        groups: dict[str, list[int]] = {}  # by what they are searched for in
        for i in range(len(examples)):
            if i not in requests:
                groups.setdefault(self._searcher.place(examples[i].document), []).append(i)
        for places in groups.values():
            requests |= self._searched(examples, places)
        return [requests[i] for i in range(len(examples))]

    def _searched(self, examples: Sequence[Example], places: Sequence[int]) -> dict[int, Request]:
        """Requests for questions on one document, or on any where there is a collection."""
        requests: dict[int, Request] = {}
        wanted = []
        for i in places:
            try:
                self._searcher.check(examples[i].document)
                wanted.append(i)
            except DataError as error:
                requests[i] = Request(None, error=describe(error))
        if not wanted:
            return requests
        try:
            library = self._searcher.open(examples[wanted[0]].document, self.now)
            found = library.search([examples[i].question for i in wanted])
        except DataError as error:
            return requests | dict.fromkeys(wanted, Request(None, error=describe(error)))
        for i, (passages, usage) in zip(wanted, found, strict=True):
            requests[i] = self._request(examples[i], passages, library.charged_to(self).then(usage))
        return requests

    def _request(self, example: Example, passages: Sequence[Document], usage: Usage) -> Request:
        try:
            kept, cut = self._fit(example, passages)
        except ContextOverflowError as error:
            return Request(None, usage=usage, error=f"ContextOverflowError: {error}")
        if not kept:
            reason = "no passage shares a word with it, or a step left none"
            return Request(None, usage=usage, error=f"{NOTHING_RETRIEVED}: {reason}")
        texts = [passage.page_content for passage in reading_order(kept, self.order)]
        return Request(
            self._prompt(example, texts),
            evidence=tuple(piece for passage in kept for piece in evidence_of(example.document_id, passage)),
            usage=replace(usage, cut_tokens=cut),
            max_tokens=tokens_of(example, self.max_tokens),
        )

    def _fit(self, example: Example, passages: Sequence[Document]) -> tuple[Sequence[Document], int]:
        """The passages that fit the window, best first, and the tokens of the others."""
        frame = self._prompt(example, [""] * len(passages))
        room = room_for_text(self.llm, frame, tokens_of(example, self.max_tokens))
        kept, cut = fit_passages([p.page_content for p in passages], room, self.llm.tokenizer, self.overflow)
        return passages[:kept], cut

    def _prompt(self, example: Example, texts: Sequence[str]) -> Prompt:
        """What is asked with these passages."""
        wording = wording_of(example, self.prompt)
        return rag_prompt(self._texts, self._kind(example), texts, self._asked(example), wording)

    def _asked(self, example: Example) -> str:
        return f"{example.question} {self.instruction}" if self.instruction else example.question

    def _kind(self, example: Example) -> str:
        """What the prompt calls the place that the passages are from."""
        return (
            "collection"
            if len(self._searcher.documents) > 1
            else str(example.document.metadata.get("kind", ""))
        )
