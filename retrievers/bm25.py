"""BM25, by bm25s or by rank-bm25."""

import json
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from langchain_core.documents import Document
from pydantic import Field

from rlc.data.errors import StoreError, unknown
from rlc.data.plain import parse_json
from rlc.data.protocols import SparseVector
from rlc.retrievers.base import text_of
from rlc.retrievers.index.analyse import Analyser
from rlc.retrievers.index.collection import Collection
from rlc.retrievers.index.postings import Postings
from rlc.retrievers.index.storage import IndexReader, IndexWriter
from rlc.retrievers.support.inverted import InvertedRetriever, QueryTerms

# bm25s asks JAX for a top-k as it is imported, and JAX, where it is there, takes most of a GPU's memory at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

TOGETHER = 1_000  # documents whose terms are text at once: a term takes 60 bytes, and its number 4


class BM25Retriever(InvertedRetriever):
    """Ranks documents by the words that they share with the query.

    score(q, d) = sum over terms t of q of idf(t) * f / (f + k1 * (1 - b + b * |d| / mean |d|)), with f the count of
    t in d. Documents that share no term with the query are not returned, so a query of stop words finds nothing.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, doi:10.1561/1500000019.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("bm25s", "rank_bm25", "Stemmer")
    VERSION: ClassVar[int] = 2  # raised with the terms that a text gives: what was indexed is no longer found

    analyser: Analyser
    vocabulary: Mapping[str, int] = Field(repr=False)

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        *,
        k: int = 5,
        engine: str = "bm25s",
        k1: float = 1.5,
        b: float = 0.75,
        stopwords: str | Sequence[str] | None = None,
        stemmer: str | None = None,
        whole_numbers: bool = True,
    ) -> Self:
        """Analyse and index the documents.

        Args:
            documents: at least one.
            k: how many documents a query gets.
            engine: `bm25s` (Lucene's idf, ln(1 + (N - n + 0.5) / (n + 0.5)), never negative) or `rank-bm25`
                (Okapi's idf with its floor of a quarter of the mean; for comparisons, it can rank a word of half
                the documents as worth nothing).
            k1: how fast repetitions of a term stop counting.
            b: how much long documents are held back, 0 to 1.
            stopwords: `"english"`, own words, or None: all words count.
            stemmer: a Snowball language such as `"english"`, or None.
            whole_numbers: keep "$1,093,095", "10-K" and "3.5%" whole.

        Raises:
            DataError: if there is no document.
            ValueError: on an unknown engine, stop list or stemmer, or k1 or b outside their range.
        """
        if engine not in ENGINES:
            raise ValueError(unknown("engine", engine, ENGINES))
        if k1 < 0 or not 0 <= b <= 1:
            raise ValueError(f"k1 must be at least 0 and b in [0, 1], got k1={k1}, b={b}")
        analyser = Analyser(stopwords, stemmer, whole_numbers)
        collection = Collection.of(documents)
        vocabulary: dict[str, int] = {}
        ids: list[array[int]] = []
        for start in range(0, len(documents), TOGETHER):
            texts = analyser.many([text_of(one) for one in documents[start : start + TOGETHER]])
            ids += [
                array("i", [vocabulary.setdefault(term, len(vocabulary)) for term in terms])
                for terms in texts
            ]
        postings = ENGINES[engine](ids, len(vocabulary), k1, b) if vocabulary else no_postings(len(documents))
        return cls(collection=collection, analyser=analyser, vocabulary=vocabulary, postings=postings, k=k)

    def query_terms(self, queries: Sequence[str]) -> Iterator[QueryTerms]:
        for terms in self.analyser.many(queries):
            yield QueryTerms([self.vocabulary[term] for term in terms if term in self.vocabulary])

    def save(self, folder: Path | str) -> None:
        """Write the index into a folder; an index that is there is replaced in one step."""
        writer = IndexWriter(Path(folder))
        writer.collection(self.collection)
        writer.text("vocabulary.json", json.dumps(list(self.vocabulary)))
        self.postings.write(writer)
        writer.commit("bm25", {**asdict(self.analyser), "version": self.VERSION})

    @classmethod
    def open(cls, folder: Path | str, *, k: int = 5) -> Self:
        """Open a saved index by memory map.

        Raises:
            StoreError: if there is none, a file is missing, truncated or changed, or its terms were cut by an
                earlier version of the analyser.
        """
        reader = IndexReader.open(Path(folder), "bm25")
        settings = dict(reader.settings)
        if (version := settings.pop("version", 1)) != cls.VERSION:
            raise StoreError(
                f"the index in {folder} was made by version {version} of BM25's analyser and queries are cut by version "
                f"{cls.VERSION}, so words would not be found: build it again and save it"
            )
        collection = reader.collection()
        return cls(
            collection=collection,
            analyser=Analyser(**settings),
            vocabulary={term: i for i, term in enumerate(parse_json(reader.text("vocabulary.json")))},
            postings=Postings.read(reader, len(collection)),
            k=k,
        )


def lucene(texts: Sequence[Sequence[int]], terms: int, k1: float, b: float) -> Postings:
    """Impacts as bm25s computes them, with Lucene's idf."""
    import bm25s

    engine = bm25s.BM25(k1=k1, b=b, method="lucene")
    index = engine.build_index_from_ids(range(terms), texts, show_progress=False)
    return Postings(
        index["data"], index["indices"].astype(np.int32), index["indptr"].astype(np.int64), len(texts)
    )


def okapi(texts: Sequence[Sequence[int]], terms: int, k1: float, b: float) -> Postings:
    """Impacts as rank-bm25's `BM25Okapi` computes them."""
    import rank_bm25

    engine = rank_bm25.BM25Okapi(texts, k1=k1, b=b)
    vectors = []
    for frequencies, length in zip(engine.doc_freqs, engine.doc_len, strict=True):
        damping = k1 * (1 - b + b * length / engine.avgdl)
        impacts = [engine.idf[term] * f * (k1 + 1) / (f + damping) for term, f in frequencies.items()]
        vectors.append(SparseVector(np.array(list(frequencies), np.int32), np.array(impacts, np.float32)))
    return Postings.of(vectors, terms)


def no_postings(documents: int) -> Postings:
    """The index of documents that hold no term at all: it finds nothing."""
    return Postings(np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(1, np.int64), documents)


ENGINES: Mapping[str, Callable[[Sequence[Sequence[int]], int, float, float], Postings]] = {
    "bm25s": lucene,
    "rank-bm25": okapi,
}
