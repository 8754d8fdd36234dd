"""Passages for readers whose own retrieval was not recorded: BM25 over LaRA's chunks."""

from collections.abc import Sequence
from functools import lru_cache

from langchain_core.documents import Document

from rlc.chunkers import RecursiveChunker
from rlc.data.errors import DataError
from rlc.data.records import Evidence, Example
from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers import BM25Retriever


def bm25_evidence(
    examples: Sequence[Example], *, k: int = 5, size: int = 600, overlap: int = 100
) -> list[tuple[Evidence, ...]]:
    """The best `k` passages of `size` tokens by BM25, best first; none where the document holds no text.

    It stands in for what a recorded model was given, which nobody kept. Sizes are those of LaRA (arXiv 2502.09977).
    """
    found: dict[int, tuple[Evidence, ...]] = {}
    groups: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        groups.setdefault(example.document.page_content, []).append(i)
    for text, places in groups.items():
        try:
            results = _index(text, size, overlap).search([examples[i].question for i in places], k)
        except DataError:  # an empty document: there is nothing to find
            results = [[] for _ in places]
        for i, passages in zip(places, results, strict=True):
            found[i] = tuple(_evidence(examples[i].document_id, passage) for passage in passages)
    return [found[i] for i in range(len(examples))]


@lru_cache(maxsize=4)  # runs go document by document, and all models of a run ask about the same one
def _index(text: str, size: int, overlap: int) -> BM25Retriever:
    chunker = RecursiveChunker(size=size, overlap=overlap, tokenizer=ApproximateTokenizer())
    chunks = chunker.transform_documents([Document(id="d", page_content=text)])
    return BM25Retriever.from_documents(chunks, stopwords="english", stemmer="english")


def _evidence(document_id: str, passage: Document) -> Evidence:
    place = passage.metadata
    return Evidence(document_id, place["start_index"], place["end_index"], place["relevance_score"])
