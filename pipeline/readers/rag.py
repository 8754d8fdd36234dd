"""Retrieving, then reading: some passages of the document in the prompt."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document
from langchain_core.retrievers import BaseRetriever

from rlc.data.errors import ContextOverflowError, DataError
from rlc.data.protocols import LLM
from rlc.data.records import Answer, Evidence, Example, Usage
from rlc.pipeline.context import check_policy, fit_passages, reading_order
from rlc.pipeline.prompts import rag_prompt
from rlc.pipeline.readers.asking import Request, ask_all, room_for_text
from rlc.retrievers.base import search

Index = Callable[[Sequence[Document]], BaseRetriever]


@dataclass(frozen=True)
class RagReader:
    """Cut the document, index the pieces, retrieve for each question, refine, read.

    `index` makes a retriever from passages; `steps` (rerankers, pruners) refine what it returns, in turn; `order`
    is the reading order. Passages that do not fit the window are dropped from the worst up and counted, or, under
    `overflow = "refuse"`, the question fails. The index of a document is made once for the questions that come
    together; the first of them carries its cost. A document that cannot be cut or indexed (an empty one) fails its
    own questions only.
    """

    chunker: BaseDocumentTransformer
    index: Index
    llm: LLM
    steps: Sequence[BaseDocumentCompressor] = ()
    order: str = "relevance"
    max_tokens: int = 64
    overflow: str = "middle"
    seed: int = 0

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        reading_order([], self.order)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        requests: dict[int, Request] = {}
        for places in _by_document(examples):
            try:
                found = self._retrieve([examples[i] for i in places])
            except DataError as error:
                found = [Request(None, error=f"DataError: {error}")] * len(places)
            requests |= zip(places, found, strict=True)
        return ask_all(self.llm, [requests[i] for i in range(len(examples))], self.max_tokens, self.seed)

    def _retrieve(self, examples: Sequence[Example]) -> list[Request]:
        """Requests for questions on one document."""
        started = time.perf_counter()
        chunks = self.chunker.transform_documents([examples[0].document])
        tokens = sum(chunk.metadata.get("index_tokens", 0) for chunk in chunks)
        retriever = self.index(chunks)
        indexed = time.perf_counter()
        found = search(retriever, [example.question for example in examples])
        share = (time.perf_counter() - indexed) / len(examples)
        cost = Usage(index_tokens=tokens, index_seconds=indexed - started)
        costs = [cost, *[Usage()] * (len(examples) - 1)]
        return [
            self._request(example, passages, cost + Usage(retrieve_seconds=share))
            for example, passages, cost in zip(examples, found, costs, strict=True)
        ]

    def _request(self, example: Example, passages: Sequence[Document], usage: Usage) -> Request:
        started = time.perf_counter()
        for step in self.steps:
            passages = step.compress_documents(passages, example.question)
        usage = usage + Usage(retrieve_seconds=time.perf_counter() - started)
        try:
            kept, cut = self._fit(example, passages)
        except ContextOverflowError as error:
            return Request(None, usage=usage, error=f"ContextOverflowError: {error}")
        texts = [passage.page_content for passage in reading_order(kept, self.order)]
        return Request(
            rag_prompt(_kind(example), texts, example.question),
            evidence=tuple(
                _evidence(example, passage) for passage in kept if "start_index" in passage.metadata
            ),
            usage=usage + Usage(cut_tokens=cut),
        )

    def _fit(self, example: Example, passages: Sequence[Document]) -> tuple[Sequence[Document], int]:
        """The passages that fit the window, best first, and the tokens of the others."""
        frame = rag_prompt(_kind(example), [""] * len(passages), example.question)
        room = room_for_text(self.llm, frame, self.max_tokens)
        kept, cut = fit_passages([p.page_content for p in passages], room, self.llm.tokenizer, self.overflow)
        return passages[:kept], cut


def _by_document(examples: Sequence[Example]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        groups.setdefault(example.document_id, []).append(i)
    return list(groups.values())


def _kind(example: Example) -> str:
    return str(example.document.metadata.get("kind", ""))


def _evidence(example: Example, passage: Document) -> Evidence:
    data = passage.metadata
    score = data.get("relevance_score")
    return Evidence(
        document_id=str(data.get("source", example.document_id)),
        start=int(data["start_index"]),
        end=int(data.get("end_index", data["start_index"] + len(passage.page_content))),
        score=None if score is None else float(score),
    )
