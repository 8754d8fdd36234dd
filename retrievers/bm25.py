"""BM25, scored as bm25s or as rank-bm25 scores it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

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

TOGETHER = 1_000  # documents whose terms are text at once: a term takes 60 bytes, and its count 8


class BM25Retriever(InvertedRetriever):
    """Ranks documents by the words that they share with the query.

    score(q, d) = sum over terms t of q of idf(t) * f / (f + k1 * (1 - b + b * |d| / mean |d|)), with f the count of
    t in d. Documents that share no term with the query are not returned, so a query of stop words finds nothing.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, doi:10.1561/1500000019.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("rank_bm25", "scipy.sparse", "Stemmer")
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
            engine: as `bm25s` (Lucene's idf, ln(1 + (N - n + 0.5) / (n + 0.5)), never negative) or as `rank-bm25`
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
        counts = frequencies(
            [
                [vocabulary.setdefault(term, len(vocabulary)) for term in terms]
                for terms in analyser.many([text_of(one) for one in documents[start : start + TOGETHER]])
            ]
            for start in range(0, len(documents), TOGETHER)
        )
        postings = ENGINES[engine](counts, k1, b) if vocabulary else no_postings(len(documents))
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


def frequencies(batches: Iterable[Sequence[Sequence[int]]]) -> Any:  # noqa: ANN401 - scipy is untyped
    """How often each document holds each term: a float32 `csr_array` [documents, terms], terms ascending in a row.

    Args:
        batches: the documents' terms by number, some documents at a time.
    """
    import scipy.sparse as sparse

    rows = []
    for texts in batches:
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        terms = np.fromiter(chain.from_iterable(texts), np.int32, ends[-1])
        ones = np.ones(len(terms), np.float32)
        rows.append(sparse.csr_array((ones, terms, ends), shape=(len(texts), terms.max(initial=-1) + 1)))
        rows[-1].sum_duplicates()
    widest = max(row.shape[1] for row in rows)
    for row in rows:
        row.resize(row.shape[0], widest)
    return sparse.vstack(rows, format="csr")


def lucene(counts: Any, k1: float, b: float) -> Postings:  # noqa: ANN401 - scipy is untyped
    """Impacts with Lucene's idf, bit for bit those of bm25s, from `frequencies`, which become them.

    Source: Lu, BM25S: Orders of magnitude faster lexical search via eager sparse scoring, 2024, arXiv:2407.03618.
    """
    documents, terms = counts.shape
    lengths = counts.sum(axis=1, dtype=np.float64)
    damping = k1 * ((1 - b) + b * lengths / lengths.mean())
    holding = np.bincount(counts.indices, minlength=terms)
    idf = np.log(1 + (documents - holding + 0.5) / (holding + 0.5)).astype(np.float32)
    for start in range(0, documents, TOGETHER):  # in float64, so not all at once
        ends = counts.indptr[start : start + TOGETHER + 1]
        some = slice(ends[0], ends[-1])
        damped = np.repeat(damping[start : start + TOGETHER], np.diff(ends)) + counts.data[some]
        counts.data[some] = idf[counts.indices[some]] * (counts.data[some] / damped)
    by_term = counts.tocsc()
    return Postings(
        by_term.data, by_term.indices.astype(np.int32, copy=False), by_term.indptr.astype(np.int64), documents
    )


def okapi(counts: Any, k1: float, b: float) -> Postings:  # noqa: ANN401 - scipy is untyped
    """Impacts from `frequencies` as rank-bm25's `BM25Okapi` computes them."""
    import rank_bm25

    repeated = np.repeat(counts.indices, counts.data.astype(np.int64))
    ends = np.concatenate([[0], np.cumsum(counts.sum(axis=1, dtype=np.int64))])
    texts = [repeated[start:stop].tolist() for start, stop in pairwise(ends)]
    engine = rank_bm25.BM25Okapi(texts, k1=k1, b=b)
    vectors = []
    for found, length in zip(engine.doc_freqs, engine.doc_len, strict=True):
        damping = k1 * (1 - b + b * length / engine.avgdl)
        impacts = [engine.idf[term] * f * (k1 + 1) / (f + damping) for term, f in found.items()]
        vectors.append(SparseVector(np.array(list(found), np.int32), np.array(impacts, np.float32)))
    return Postings.of(vectors, counts.shape[1])


def no_postings(documents: int) -> Postings:
    """The index of documents that hold no term at all: it finds nothing."""
    return Postings(np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(1, np.int64), documents)


ENGINES: Mapping[str, Callable[[Any, float, float], Postings]] = {
    "bm25s": lucene,
    "rank-bm25": okapi,
}
