"""How often do the retrieved chunks hold the answer? Recall at k on LaRA's location questions, silver evidence.

    python -m rlc.experiments.research.retrieval_quality --data LARA_FOLDER [--encoder minilm] > retrieval.md

Every question is searched for inside its own document. Evidence is found by rule (`rlc.experiments.metrics.evidence`),
so every figure is silver; chance is high, so random chunks, the first chunks and the oracle stand beside it.
"""

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from langchain_core.documents import Document

from rlc.chunkers import RecursiveChunker
from rlc.data.protocols import Encoder, Tokenizer
from rlc.data.records import Example
from rlc.data.sets import lara
from rlc.data.tokens import load_tokenizer
from rlc.experiments.chunk_lab.ranks import Cut, Rank, at_random, by, cut, from_the_start, oracle, read_shares
from rlc.experiments.metrics.evidence import first_rank, silver
from rlc.experiments.statistics.intervals import difference, estimate
from rlc.retrievers.base import RetrieverFactory
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.dense import DenseRetriever
from rlc.retrievers.encoders.cached import CachedEncoder
from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder
from rlc.retrievers.hybrid import HybridRetriever
from rlc.retrievers.index.analyse import Analyser
from rlc.retrievers.rm3 import RM3Retriever

KS = (1, 3, 5, 10)
SIZES = (600, 300, 200, 120)  # of the recipes to choose from; all divide 600
SMALL = 200


@dataclass(frozen=True)
class Method:
    """A way to rank chunks. `per_k` small chunks stand for one of the others, so that equal k reads equal much."""

    name: str
    cuts: Sequence[Cut]
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


def evaluate(method: Method, gold: Mapping[str, tuple[str, ...]]) -> list[Row]:
    """One row a question, document by document."""
    rows = []
    for example, found, read in read_shares(method.rank, method.cuts):
        first = first_rank([chunk.page_content for chunk in found], gold[example.id])
        rows.append(
            Row(
                question=example.id,
                document=example.document_id,
                kind=str(example.document.metadata["kind"]),
                first=None if first is None else -(-first // method.per_k),
                read={k: float(read[min(k * method.per_k, len(found)) - 1]) if found else 0.0 for k in KS},
            )
        )
    return rows


def tuning_documents(examples: Sequence[Example]) -> set[str]:
    """Every other document, in the order of length, kind and a digest of the id: half of each sort."""

    def key(document: Document) -> tuple[str, str, str]:
        digest = hashlib.blake2b(str(document.id).encode(), digest_size=8).hexdigest()
        return str(document.metadata["length"]), str(document.metadata["kind"]), digest

    documents = {example.document_id: example.document for example in examples}
    return set(sorted(documents, key=lambda id_: key(documents[id_]))[::2])


def searching(encoder: Encoder) -> dict[str, Rank]:
    """What is compared."""
    dense = partial(DenseRetriever.from_documents, encoder=encoder)
    members: list[RetrieverFactory] = [BM25Retriever.from_documents, dense]
    return {
        "BM25": by(BM25Retriever.from_documents),
        "BM25, RM3": by(partial(RM3Retriever.from_documents, retriever=BM25Retriever.from_documents)),
        "dense": by(dense),
        "hybrid": by(partial(HybridRetriever.from_documents, members=members)),
        "hybrid, RRF": by(partial(HybridRetriever.from_documents, members=members, fusion="rrf")),
    }


def methods(
    cuts: Sequence[Cut], small: Sequence[Cut], gold: Mapping[str, tuple[str, ...]], encoder: Encoder
) -> list[Method]:
    """The table's rows: each way to search, the yardsticks, and each way on small chunks, where there are such."""
    ranks = searching(encoder)
    beside = {"random chunks": at_random(0), "first chunks": from_the_start, "oracle": oracle(gold)}
    rows = [Method(name, cuts, rank) for name, rank in {**ranks, **beside}.items()]
    many = 600 // SMALL
    return rows + [
        Method(f"{name}, {many} x {SMALL} tokens", small, rank, many) for name, rank in ranks.items() if small
    ]


def candidates(cuts: Mapping[int, Sequence[Cut]]) -> list[Method]:
    """The recipes that the tuning half chooses from, by size; each reads as many tokens as 600-token chunks do."""
    stemmed = partial(BM25Retriever.from_documents, stemmer="english", stopwords="english")
    indexes: dict[str, RetrieverFactory] = {
        "": BM25Retriever.from_documents,
        ", stems, no stop words": stemmed,
    }
    return [
        Method(f"BM25, {size} tokens{name}", cuts[size], by(index), 600 // size)
        for size in cuts
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


def by_kind(
    cuts: Sequence[Cut], gold: Mapping[str, tuple[str, ...]], sparse: Sequence[Row], dense: Sequence[Row]
) -> str:
    """Why one search does better than the other: who found the evidence at 5, and how many words it shares with the question."""
    analyser = Analyser(stopwords="english", stemmer="english")
    shares: dict[str, list[float]] = defaultdict(list)
    for example, found, _ in read_shares(oracle(gold), cuts):
        asked = set(analyser.terms(example.question))
        held = {term for terms in analyser.many([chunk.page_content for chunk in found]) for term in terms}
        shares[str(example.document.metadata["kind"])].append(len(asked & held) / len(asked))
    lines = []
    for kind, share in sorted(shares.items()):
        pairs = [
            (one.hit(5), other.hit(5)) for one, other in zip(sparse, dense, strict=True) if one.kind == kind
        ]
        counts = [pairs.count(found) for found in ((1, 1), (1, 0), (0, 1), (0, 0))]
        lines.append(f"| {kind} | {len(pairs)} | {' | '.join(map(str, counts))} | {np.mean(share):.0%} |\n")
    return (
        "| kind | questions | both | BM25 alone | dense alone | neither | question's words in the evidence |\n"
        f"|---|{'---|' * 6}\n{''.join(lines)}"
    )


def report(
    examples: Sequence[Example], encoder: Encoder, tokenizer: Tokenizer, *, small: bool = False
) -> str:
    """Both tables as Markdown."""
    gold = silver(examples)
    kept = [example for example in examples if example.id in gold]
    kinds = sorted({str(example.document.metadata["kind"]) for example in kept})
    head = (
        f"| method | {' | '.join(f'@{k}' for k in KS)} | @5, 95% | @5 minus BM25 | @5 {' / '.join(kinds)} | "
        f"tokens read @5 |\n|---|{'---|' * (len(KS) + 4)}\n"
    )
    overlapping = cut(RecursiveChunker(size=600, overlap=100, tokenizer=tokenizer), kept, tokenizer)
    cuts = {size: cut(RecursiveChunker(size=size, tokenizer=tokenizer), kept, tokenizer) for size in SIZES}
    table = {
        method.name: evaluate(method, gold)
        for method in methods(overlapping, cuts[SMALL] if small else (), gold, encoder)
    }
    baseline = table["BM25"]
    tuning = tuning_documents(kept)
    recipes = {method.name: evaluate(method, gold) for method in candidates(cuts)}

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
        + f"\nEvidence in the first five chunks, found by which search:\n\n{by_kind(overlapping, gold, baseline, table['dense'])}"
        + f"\nBest of {len(recipes)} recipes on {len(tuning)} tuning documents, at no more tokens:\n\n{head}"
        + "".join(line(*half) for half in halves)
    )


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="LaRA's folder, which holds datasets/")
    parser.add_argument("--encoder", default="minilm", help="alias, folder or Hugging Face id")
    parser.add_argument("--length", choices=["32k", "128k"], help="only documents of this length")
    parser.add_argument(
        "--small", action="store_true", help=f"dense and hybrid search on chunks of {SMALL} tokens, too"
    )
    parser.add_argument("--cache", type=Path, help="file for vectors, to be found again by the next run")
    given = parser.parse_args()
    dataset = lara.load(given.data).where(
        lambda e: e.task == "location" and given.length in (None, e.metadata["length"])
    )
    encoder = CachedEncoder(SentenceEncoder(given.encoder), file=given.cache)
    sys.stdout.write(report(dataset.examples, encoder, load_tokenizer(given.encoder), small=given.small))


if __name__ == "__main__":
    main()
