"""How often do the retrieved chunks hold the answer? Recall at k on LaRA's location questions, silver evidence.

    python -m rlc.experiments.retrieval_quality --data LARA_FOLDER [--encoder minilm] > retrieval.md

Every question is searched for inside its own document. Evidence is found by rule (`rlc.experiments.metrics.evidence`),
so every figure is silver; chance is high, so random chunks, the first chunks and the oracle stand beside it.
"""

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from langchain_core.documents import Document

from rlc.chunkers import RecursiveChunker
from rlc.chunkers.base import Chunker
from rlc.data import lara
from rlc.data.protocols import Encoder, Tokenizer
from rlc.data.records import Example
from rlc.data.tokens import load_tokenizer
from rlc.experiments.metrics.evidence import first_rank, silver
from rlc.experiments.rankings import Rank, at_random, by, from_the_start, oracle, read_shares
from rlc.experiments.stats import difference, estimate
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.cache import CachedEncoder
from rlc.retrievers.dense import DenseRetriever
from rlc.retrievers.embed import SentenceEncoder
from rlc.retrievers.fuse import HybridRetriever, Member

KS = (1, 3, 5, 10)


@dataclass(frozen=True)
class Method:
    """A way to cut and rank. `per_k` small chunks stand for one of the others, so that equal k reads equal much."""

    name: str
    chunker: Chunker
    rank: Rank
    per_k: int = 1


@dataclass(frozen=True)
class Row:
    """One question under one method: at which k the evidence is together (None: never), tokens read, by k."""

    question: str
    document: str
    kind: str
    first: int | None
    read: Mapping[int, float] = field(default_factory=dict)

    def hit(self, k: int) -> float:
        """Whether the first k chunks hold the evidence together, as 0 or 1."""
        return float(self.first is not None and self.first <= k)


def evaluate(
    method: Method, examples: Sequence[Example], gold: Mapping[str, tuple[str, ...]], tokenizer: Tokenizer
) -> list[Row]:
    """One row a question, in the examples' order; `examples` are those with gold strings."""
    rows: dict[str, Row] = {}
    for example, found, read in read_shares(method.chunker, method.rank, examples, tokenizer):
        first = first_rank([chunk.page_content for chunk in found], gold[example.id])
        rows[example.id] = Row(
            question=example.id,
            document=example.document_id,
            kind=str(example.document.metadata["kind"]),
            first=None if first is None else -(-first // method.per_k),
            read={k: float(read[min(k * method.per_k, len(found)) - 1]) if found else 0.0 for k in KS},
        )
    return [rows[example.id] for example in examples]


def tuning_documents(examples: Sequence[Example]) -> set[str]:
    """Every other document, in the order of length, kind and a digest of the id: half of each sort."""

    def key(document: Document) -> tuple[str, str, str]:
        digest = hashlib.blake2b(str(document.id).encode(), digest_size=8).hexdigest()
        return str(document.metadata["length"]), str(document.metadata["kind"]), digest

    documents = {example.document_id: example.document for example in examples}
    return set(sorted(documents, key=lambda id_: key(documents[id_]))[::2])


def methods(tokenizer: Tokenizer, gold: Mapping[str, tuple[str, ...]], encoder: Encoder) -> list[Method]:
    """The table's rows: chunks of 600 tokens, 100 of them shared with the chunk before, and chunks of 200 tokens."""
    chunker = RecursiveChunker(size=600, overlap=100, tokenizer=tokenizer)
    dense = partial(DenseRetriever.from_documents, encoder=encoder)
    members: list[Member] = [BM25Retriever.from_documents, dense]
    ranks: dict[str, Rank] = {
        "BM25": by(BM25Retriever.from_documents),
        "dense": by(dense),
        "hybrid": by(partial(HybridRetriever.from_documents, members=members)),
        "hybrid, RRF": by(partial(HybridRetriever.from_documents, members=members, fusion="rrf")),
        "random chunks": at_random(0),
        "first chunks": from_the_start,
        "oracle": oracle(gold),
    }
    small = RecursiveChunker(size=200, tokenizer=tokenizer)
    return [Method(name, chunker, rank) for name, rank in ranks.items()] + [
        Method(f"{name}, 3 times as many chunks of 200", small, ranks[name], per_k=3)
        for name in ("BM25", "dense", "hybrid")
    ]


def candidates(tokenizer: Tokenizer) -> list[Method]:
    """The recipes that the tuning half chooses from; each reads as many tokens as 600-token chunks do."""
    stemmed = partial(BM25Retriever.from_documents, stemmer="english", stopwords="english")
    indexes: dict[str, Member] = {"": BM25Retriever.from_documents, ", stems, no stop words": stemmed}
    return [
        Method(
            f"BM25, {size} tokens{name}", RecursiveChunker(size=size, tokenizer=tokenizer), by(index), per_k
        )
        for size, per_k in ((600, 1), (300, 2), (200, 3), (120, 5))
        for name, index in indexes.items()
    ]


def line(name: str, rows: Sequence[Row], baseline: Sequence[Row]) -> str:
    """One line of the table."""
    clusters = [row.document for row in rows]
    cells = [f"{np.mean([row.hit(k) for row in rows]):.3f}" for k in KS]
    five = estimate([row.hit(5) for row in rows], clusters)
    minus = ""  # the baseline is not compared with itself
    if rows != baseline:
        gap = difference([row.hit(5) for row in rows], [row.hit(5) for row in baseline], clusters)
        minus = f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
    kinds = sorted({row.kind for row in rows})
    means = [f"{np.mean([row.hit(5) for row in rows if row.kind == kind]):.3f}" for kind in kinds]
    read = np.mean([row.read[5] for row in rows])
    return (
        f"| {name} | {' | '.join(cells)} | [{five.low:.3f}, {five.high:.3f}] | "
        f"{minus} | {' / '.join(means)} | {read:.1%} |\n"
    )


def report(examples: Sequence[Example], encoder: Encoder, tokenizer: Tokenizer) -> str:
    """Both tables as Markdown."""
    gold = silver(examples)
    kept = [example for example in examples if example.id in gold]
    kinds = sorted({str(example.document.metadata["kind"]) for example in kept})
    head = (
        f"| method | {' | '.join(f'@{k}' for k in KS)} | @5, 95% | @5 minus BM25 | @5 {' / '.join(kinds)} | "
        f"tokens read @5 |\n|---|{'---|' * (len(KS) + 4)}\n"
    )
    table = {
        method.name: evaluate(method, kept, gold, tokenizer) for method in methods(tokenizer, gold, encoder)
    }
    baseline = table["BM25"]
    tuning = tuning_documents(kept)
    recipes = {method.name: evaluate(method, kept, gold, tokenizer) for method in candidates(tokenizer)}

    def seen(rows: Sequence[Row], chosen: bool) -> list[Row]:
        return [row for row in rows if (row.document in tuning) == chosen]

    best = max(
        recipes, key=lambda name: [np.mean([row.hit(k) for row in seen(recipes[name], True)]) for k in (5, 3)]
    )
    halves = [
        (f"{name}, {'tuning' if chosen else 'other'} half", seen(rows, chosen), seen(baseline, chosen))
        for name, rows in ((best, recipes[best]), ("BM25, 600/100 tokens", baseline))
        for chosen in (True, False)
    ]
    return (
        f"{len(kept)} of {len(examples)} location questions on {len({e.document_id for e in kept})} documents can be "
        "decided by rule (silver evidence); search inside the own document; intervals clustered by document.\n\n"
        f"Chunks of 600 tokens, overlap 100 ({tokenizer.name}):\n\n{head}"
        + "".join(line(name, rows, baseline) for name, rows in table.items())
        + f"\nBest of {len(recipes)} recipes on {len(tuning)} tuning documents, at no more tokens:\n\n{head}"
        + "".join(line(*half) for half in halves)
    )


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="LaRA's folder, which holds datasets/")
    parser.add_argument("--encoder", default="minilm", help="alias, folder or Hugging Face id")
    parser.add_argument("--cache", type=Path, help="file for vectors, to be found again by the next run")
    given = parser.parse_args()
    dataset = lara.load(given.data).where(lambda example: example.task == "location")
    encoder = CachedEncoder(SentenceEncoder(given.encoder), file=given.cache)
    sys.stdout.write(report(dataset.examples, encoder, load_tokenizer(given.encoder)))


if __name__ == "__main__":
    main()
