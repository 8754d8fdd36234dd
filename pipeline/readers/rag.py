"""Retrieving, then reading: some passages of the document in the prompt."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ValidationError

from rlc.data.errors import ContextOverflowError, DataError, UsageError
from rlc.data.protocols import LLM
from rlc.data.records import Answer, Example, Usage
from rlc.pipeline.context import check_policy, fit_passages, reading_order
from rlc.pipeline.prompts import rag_prompt
from rlc.pipeline.readers.asking import Request, ask_all, evidence_of, room_for_text
from rlc.pipeline.readers.retrieving import Found
from rlc.retrievers.base import search

Index = Callable[[Sequence[Document]], BaseRetriever]


@dataclass(frozen=True)
class RagReader:
    """Cut the document, index the pieces, retrieve for each question, refine, read.

    `index` makes a retriever from passages; `steps` (rerankers, pruners) refine what it returns, in turn; `order`
    is the reading order. Passages that do not fit the window are dropped from the worst up and counted, or, under
    `overflow = "refuse"`, the question fails. The index of a document is made once for the questions that come
    together; the first of them carries its cost. A document that cannot be cut or indexed (an empty one) fails its
    own questions only. `instruction` is put after every question that is read, not after those that are searched for.
    """

    chunker: BaseDocumentTransformer
    index: Index
    llm: LLM
    steps: Sequence[BaseDocumentCompressor] = ()
    order: str = "relevance"
    max_tokens: int = 64
    overflow: str = "middle"
    seed: int = 0
    instruction: str = ""
    # What `retrieve` found last, by example id: no part of what the reader is, it only saves the second search.
    _held: dict[str, tuple[Example, Request]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        reading_order([], self.order)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return ask_all(self.llm, self._requests(examples), self.max_tokens, self.seed)

    def retrieve(self, examples: Sequence[Example], /) -> list[Found]:
        """What the examples would be read with; it is kept until the next call, for answering some of them."""
        requests = self._requests(examples)
        self._held.clear()
        self._held.update({e.id: (e, request) for e, request in zip(examples, requests, strict=True)})
        return [Found(request.evidence, request.usage) for request in requests]

    def now(self) -> float:
        """The clock of what retrieving costs, in seconds."""
        return time.perf_counter()

    def _requests(self, examples: Sequence[Example]) -> list[Request]:
        requests: dict[int, Request] = {}
        for i, example in enumerate(examples):
            held, request = self._held.get(example.id, (None, None))
            if held is example and request is not None:
                requests[i] = request
        new = [i for i in range(len(examples)) if i not in requests]
        for group in _by_document([examples[i] for i in new]):
            places = [new[i] for i in group]
            try:
                found = self._retrieve([examples[i] for i in places])
            except DataError as error:
                found = [Request(None, error=f"DataError: {error}")] * len(places)
            requests |= zip(places, found, strict=True)
        return [requests[i] for i in range(len(examples))]

    def _retrieve(self, examples: Sequence[Example]) -> list[Request]:
        """Requests for questions on one document."""
        started = self.now()
        chunks = self.chunker.transform_documents([examples[0].document])
        tokens = sum(chunk.metadata.get("index_tokens", 0) for chunk in chunks)
        try:
            retriever = self.index(chunks)
        except ValidationError as error:  # a setting is off, so every question would fail alike
            said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise UsageError(f"the retriever refuses its settings: {said}") from error
        indexed = self.now()
        found = search(retriever, [example.question for example in examples])
        share = (self.now() - indexed) / len(examples)
        cost = Usage(index_tokens=tokens, index_seconds=indexed - started)
        costs = [cost, *[Usage()] * (len(examples) - 1)]
        return [
            self._request(example, passages, cost + Usage(retrieve_seconds=share))
            for example, passages, cost in zip(examples, found, costs, strict=True)
        ]

    def _request(self, example: Example, passages: Sequence[Document], usage: Usage) -> Request:
        started = self.now()
        for step in self.steps:
            passages = step.compress_documents(passages, example.question)
        usage = usage + Usage(retrieve_seconds=self.now() - started)
        try:
            kept, cut = self._fit(example, passages)
        except ContextOverflowError as error:
            return Request(None, usage=usage, error=f"ContextOverflowError: {error}")
        texts = [passage.page_content for passage in reading_order(kept, self.order)]
        return Request(
            rag_prompt(_kind(example), texts, self._asked(example)),
            evidence=tuple(piece for passage in kept for piece in evidence_of(example, passage)),
            usage=usage + Usage(cut_tokens=cut),
        )

    def _fit(self, example: Example, passages: Sequence[Document]) -> tuple[Sequence[Document], int]:
        """The passages that fit the window, best first, and the tokens of the others."""
        frame = rag_prompt(_kind(example), [""] * len(passages), self._asked(example))
        room = room_for_text(self.llm, frame, self.max_tokens)
        kept, cut = fit_passages([p.page_content for p in passages], room, self.llm.tokenizer, self.overflow)
        return passages[:kept], cut

    def _asked(self, example: Example) -> str:
        return f"{example.question} {self.instruction}" if self.instruction else example.question


def _by_document(examples: Sequence[Example]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        groups.setdefault(example.document_id, []).append(i)
    return list(groups.values())


def _kind(example: Example) -> str:
    return str(example.document.metadata.get("kind", ""))
