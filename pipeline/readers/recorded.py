"""Answers that were recorded earlier, as a reader: the whole laboratory without a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from langchain_core.documents import Document

from rlc.chunkers import RecursiveChunker
from rlc.data.errors import DataError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import Retrieved, Role, Tokenizer
from rlc.data.records import Answer, Evidence, Example, Usage
from rlc.data.sets.recordings import RECORDED_FAILURE, Recording, recordings
from rlc.data.tokens import ApproximateTokenizer, count_once
from rlc.pipeline.llms.support.thought import UNFINISHED, part
from rlc.retrievers import BM25Retriever

ARMS = ("rag", "long")
WHY = {
    "failed": f"{RECORDED_FAILURE}: the call failed when it was recorded",
    "empty": f"{RECORDED_FAILURE}: the recorded answer is empty",
    "other": f"{RECORDED_FAILURE}: another answer counted as right when it was recorded",
}


@dataclass(frozen=True)
class RecordedReader:
    """What a model answered when a data set's authors asked it, with retrieval (`rag`) or the whole document (`long`).

    Tokens are those that the arm would have read: the long arm the document, at most `window` of it (LaRA cuts
    the middle out), the retrieving arm at most `chunks` passages of `chunk_size` tokens. They are counted with
    `tokenizer`, one for all models, so that models compare. Nothing was timed. A call that failed and an answer
    that is empty are failures with a reason, not wrong answers; so is an answer to a question whose gold answer was
    another then. `dataset` is the set that was asked about; sets other than LaRA count an empty answer as wrong.

    Source: LaRA, arXiv 2502.09977 (5 chunks of 600 tokens, documents cut to 127,000).
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role | None] = None  # that of its arm, which the setting `arm` says

    root: str
    model: str
    arm: str
    revision: str = ""
    chunks: int = 5
    chunk_size: int = 600
    window: int = 127_000
    tokenizer: Tokenizer = field(default_factory=ApproximateTokenizer)
    dataset: str = "lara"

    def __post_init__(self) -> None:
        if self.arm not in ARMS:
            raise ValueError(f"arm must be one of {', '.join(ARMS)}; got {self.arm!r}")

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Look the answers up, in order.

        Raises:
            DataError: if a question was never recorded, as with predictions of another data revision.
        """
        recorded = recordings(self.dataset, Path(self.root), self.model)[self.arm]
        return [self._answer(example, recorded) for example in examples]

    def retrieve(self, examples: Sequence[Example], /) -> list[Retrieved]:
        """What BM25 finds: a stand-in, for the passages that the model was given were not recorded."""
        passages = bm25_evidence(examples, k=self.chunks, size=self.chunk_size)
        return [Retrieved(evidence) for evidence in passages]

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:  # noqa: ARG002 - the readers' face
        """Nothing: the answers are there already."""
        return []

    def _answer(self, example: Example, recorded: Mapping[str, Recording]) -> Answer:
        if example.id not in recorded:
            raise DataError(
                f"{self.model} has no recorded {self.arm} answer to {example.id}; "
                "are the predictions of another revision than the questions?"
            )
        recording = recorded[example.id]
        if recording.answers not in (None, example.answers):
            recording = Recording(None, "other")
        usage = self._usage(example, recording.prediction or "")
        if recording.prediction is None:
            return Answer(
                "", "", usage=usage, finish_reason="error", error=WHY[recording.failure or "failed"]
            )
        said = part(recording.prediction)
        if not said.finished:
            error = f"{UNFINISHED}: the recording ends within a thought"
            return Answer("", "", usage=usage, finish_reason="error", error=error)
        return Answer(said.answer, "", usage=usage, finish_reason="stop")

    def prompt_tokens(self, example: Example) -> int:
        """What the arm would have read for a question."""
        return min(
            count_once(self.tokenizer, example.document.page_content), self._room
        ) + self.tokenizer.count(example.question)

    @property
    def _room(self) -> int:
        return self.window if self.arm == "long" else self.chunks * self.chunk_size

    def _usage(self, example: Example, text: str) -> Usage:
        length = count_once(self.tokenizer, example.document.page_content)
        return Usage(
            prompt_tokens=self.prompt_tokens(example),
            output_tokens=self.tokenizer.count(text),
            cut_tokens=max(0, length - self._room) if self.arm == "long" else 0,
        )


def bm25_evidence(
    examples: Sequence[Example], *, k: int = 5, size: int = 600, overlap: int = 100
) -> list[tuple[Evidence, ...]]:
    """The best `k` passages of `size` tokens by BM25, best first; none where the document holds no text.

    It stands in for what a recorded model was given, which nobody kept. Sizes are those of LaRA (arXiv 2502.09977).
    """
    by_place: dict[int, tuple[Evidence, ...]] = {}
    groups: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        groups.setdefault(example.document.page_content, []).append(i)
    for text, places in groups.items():
        try:
            results = _index(text, size, overlap).search([examples[i].question for i in places], k)
        except DataError:  # an empty document: there is nothing to find
            results = [[] for _ in places]
        for i, passages in zip(places, results, strict=True):
            by_place[i] = tuple(_evidence(examples[i].document_id, passage) for passage in passages)
    return [by_place[i] for i in range(len(examples))]


@lru_cache(maxsize=4)  # runs go document by document, and all models of a run ask about the same one
def _index(text: str, size: int, overlap: int) -> BM25Retriever:
    chunker = RecursiveChunker(size=size, overlap=overlap, tokenizer=ApproximateTokenizer())
    chunks = chunker.transform_documents([Document(id="d", page_content=text)])
    return BM25Retriever.from_documents(chunks, stopwords="english", stemmer="english")


def _evidence(document_id: str, passage: Document) -> Evidence:
    place = passage.metadata
    return Evidence(document_id, place["start_index"], place["end_index"], place["relevance_score"])
