"""What the settings of a sweep do alike is done once: chunks, vectors, indexes, refined passages, generations.

`Memory.finish` is given to `build_readers`; it wraps what retrieves, refines and generates. What is remembered is
remembered with its seconds, and the readers' clock is put forward by them: every answer is charged what it would have
cost alone. The answers themselves are kept by the store, for this sweep and the next.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, TypeVar

from langchain_core.callbacks import Callbacks
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from rlc.data.protocols import Generation
from rlc.data.records import Answer, document_name
from rlc.data.spec import Finish, Spec, fingerprint
from rlc.data.store import AnswerStore
from rlc.experiments.runs.lanes import Reading
from rlc.experiments.study.ranking import Stage
from rlc.pipeline.families import (
    ENCODER,
    LLM,
    MULTI_VECTOR_ENCODER,
    READER,
    RETRIEVER,
    SEARCHER,
    SPARSE_ENCODER,
    STEP,
)
from rlc.pipeline.llms.support.forwarding import forward
from rlc.pipeline.readers.rag import RagReader
from rlc.pipeline.readers.support.indexing import warm
from rlc.pipeline.readers.support.searching import Clock, Library, Searcher
from rlc.retrievers.encoders.support.remembered import RememberedEncoder, RememberedSparseEncoder

T = TypeVar("T")

# How many of each stage are kept, the last used ones. Settings that retrieve alike run together, document by document,
# so that indexes and passages are wanted again at once; chunks, vectors and generations by later settings too.
KEPT = {"chunks": 512, "vectors": 50_000, "indexes": 16, "passages": 1024, "generations": 100_000}


@dataclass
class Memory:
    """Results by stage and content, with what they cost."""

    stages: dict[str, Stage] = field(default_factory=lambda: defaultdict(Stage))
    _kept: dict[str, OrderedDict[Hashable, tuple[Any, float]]] = field(
        default_factory=lambda: defaultdict(OrderedDict)
    )
    _shared: dict[tuple[str, str], Any] = field(default_factory=dict)
    _ahead: float = 0.0

    def now(self) -> float:
        """A clock on which what was remembered takes as long as it took."""
        return time.perf_counter() + self._ahead

    def hand_over(self) -> dict[str, Stage]:
        """What was counted since the last time, for the memory of the process that asks."""
        counted, self.stages = dict(self.stages), defaultdict(Stage)
        return counted

    def take(self, found: tuple[list[Answer], Mapping[str, Stage]]) -> list[Answer]:
        """Count what a lane's memory has counted; its answers."""
        answers, counted = found
        for name, one in counted.items():
            stage = self.stages[name]
            stage.wanted, stage.served = stage.wanted + one.wanted, stage.served + one.served
            stage.seconds += one.seconds
        return answers

    def holds(self, stage: str, key: Hashable) -> bool:
        """Whether it was made under this key, and is still kept."""
        return key in self._kept[stage]

    def recall(self, stage: str, key: Hashable, make: Callable[[], T]) -> T:
        """What was made under this key before, else what `make` makes now."""
        found: dict[Hashable, T] = self.recall_all(stage, {key: None}, lambda _: [make()])
        return found[key]

    def recall_all(
        self, stage: str, wanted: Mapping[Hashable, Any], make: Callable[[list[Any]], Sequence[T]]
    ) -> dict[Hashable, T]:
        """Recall many things at once: `make` gets those that are not there, and makes them together."""
        kept, counted = self._kept[stage], self.stages[stage]
        found: dict[Hashable, T] = {}
        for key in wanted:
            if key in kept:
                found[key], seconds = kept[key]
                kept.move_to_end(key)
                counted.served += 1
                counted.seconds += seconds
                self._ahead += seconds
        missing = {key: thing for key, thing in wanted.items() if key not in found}
        counted.wanted += len(wanted)
        if missing:
            started = self.now()
            made = dict(zip(missing, make(list(missing.values())), strict=True))
            share = (self.now() - started) / len(missing)
            kept.update(
                (key, (value, _seconds(value, share))) for key, value in made.items() if not _failed(value)
            )
            found |= made
            while len(kept) > KEPT[stage]:
                kept.popitem(last=False)
        return found

    def count(self, stage: str, wanted: int, served: int) -> None:
        """Count what is kept elsewhere."""
        self.stages[stage].wanted += wanted
        self.stages[stage].served += served

    def finish(self, make: Callable[[], Any], kind: str, spec: Spec) -> Any:  # noqa: ANN401 - the builder's hook
        """Make an object of a spec, with this memory; the runs of a sweep share encoders, engines and steps."""
        identity = fingerprint(spec)
        if kind in (READER.kind, SEARCHER.kind):
            made = make()
            searches = type(made) in SHARING
            return _sharing(made, fingerprint(spec["chunker"]), self) if searches else made
        if kind not in WRAPPERS:
            return make()
        if (kind, identity) not in self._shared:
            self._shared[kind, identity] = WRAPPERS[kind](make(), identity, self)
        return self._shared[kind, identity]


def _seconds(value: object, share: float) -> float:
    """What making it took: a generation that came among others knows its own time."""
    return max(share, value.usage.seconds) if isinstance(value, Generation) else share


def _failed(value: object) -> bool:
    return isinstance(value, Generation) and value.error is not None


@dataclass(frozen=True)
class SharingReading(Reading):
    """The work of a sweep's lanes: each shares what it has made itself."""

    def open(self, store: AnswerStore, finish: Finish | None = None) -> Callable[..., Any]:  # noqa: ARG002
        """Make the readers with a memory; with the answers goes what it has counted."""
        memory = Memory()
        answer = super().open(store, memory.finish)
        return lambda name, batch: (answer(name, batch), memory.hand_over())


@dataclass(frozen=True)
class SharingRagReader(RagReader):
    """A RAG reader on the memory's clock."""

    memory: Memory = field(default_factory=Memory, compare=False)

    def now(self) -> float:
        """The clock of what retrieving costs, in seconds."""
        return self.memory.now()


@dataclass(frozen=True)
class SharingSearcher(Searcher):
    """A searcher on the memory's clock."""

    memory: Memory = field(default_factory=Memory, compare=False)

    def open(self, document: Document, now: Clock | None = None) -> Library:  # noqa: ARG002 - the searcher's face
        """Index the document, or the collection."""
        return super().open(document, self.memory.now)


SHARING: Mapping[type, Callable[..., Any]] = {RagReader: SharingRagReader, Searcher: SharingSearcher}


def _sharing(searches: RagReader | Searcher, chunking: str, memory: Memory) -> Any:  # noqa: ANN401 - one of SHARING
    settings = {f.name: getattr(searches, f.name) for f in fields(searches) if f.init}
    chunker = Shared(searches.chunker, chunking, memory)
    return SHARING[type(searches)](**{**settings, "chunker": chunker, "memory": memory})


@dataclass(frozen=True)
class Shared:
    """A part of a recipe that makes equal things once; it is called by the one of these methods that the part has."""

    part: Any
    identity: str
    memory: Memory

    def transform_documents(self, documents: Sequence[Document], **kwargs: Any) -> list[Document]:  # noqa: ANN401
        """The chunks of every document."""
        return [
            chunk
            for document in documents
            for chunk in self.memory.recall(
                "chunks",
                (self.identity, document_name(document), document.page_content),
                partial(self.part.transform_documents, [document], **kwargs),
            )
        ]

    def __call__(self, documents: Sequence[Document]) -> BaseRetriever:
        """The retriever over these chunks."""
        key = (self.identity, tuple(map(id, documents)))
        # The documents are kept with it: while it is there, no other object can have their ids.
        made = self.memory.recall("indexes", key, lambda: (documents, self.part(documents)))
        retriever: BaseRetriever = made[1]
        return retriever

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        passages = fingerprint(
            [[one.id, one.page_content, repr(sorted(one.metadata.items()))] for one in documents]
        )
        return self.memory.recall(
            "passages",
            (self.identity, query, passages),
            lambda: self.part.compress_documents(documents, query, callbacks),
        )

    def warm(self) -> None:
        """Load what a step loads."""
        warm([self.part])


# By kind; what may stand inside another of its kind (a chunker) is wrapped where it is used.
WRAPPERS: Mapping[str, Callable[[Any, str, Memory], Any]] = {
    RETRIEVER.kind: Shared,
    STEP.kind: Shared,
    ENCODER.kind: lambda encoder, identity, memory: RememberedEncoder(encoder, memory, identity),
    SPARSE_ENCODER.kind: lambda encoder, identity, memory: RememberedSparseEncoder(encoder, memory, identity),
    MULTI_VECTOR_ENCODER.kind: lambda encoder, *_: encoder,  # too large to be remembered
    LLM.kind: lambda llm, identity, memory: forward(llm, memory, identity),
}
