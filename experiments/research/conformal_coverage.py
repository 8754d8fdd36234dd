"""Does the conformal cut-off keep what it promises on unseen documents, and how much is read for it?

    python -m rlc.experiments.research.conformal_coverage --data LARA_FOLDER [--encoder minilm] > coverage.md

The threshold of `Conformal` is fitted on the location questions of half of LaRA's documents, for a coverage of
1 - alpha, and tried on the other half, for several seeded halves. Covered is a question whose evidence stands
together in the passages that are kept. Fixing k is the same procedure with minus the rank as the score, so it stands
beside. Evidence is found by rule (`rlc.experiments.metrics.evidence`): all figures are silver.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rlc.chunkers import RecursiveChunker
from rlc.data.protocols import Encoder, Tokenizer
from rlc.data.records import Example
from rlc.data.sets import lara
from rlc.data.tokens import load_tokenizer
from rlc.experiments.chunk_lab.ranks import Cut, Rank, by, cut, read_shares
from rlc.experiments.metrics.evidence import first_rank, silver
from rlc.experiments.statistics.intervals import estimate
from rlc.experiments.statistics.resample import Floats
from rlc.retrievers.base import RetrieverFactory
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.dense import DenseRetriever
from rlc.retrievers.encoders.cached import CachedEncoder
from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder
from rlc.retrievers.hybrid import HybridRetriever
from rlc.retrievers.select.conformal import conformal_threshold

ALPHAS = (0.05, 0.1, 0.2)
SPLITS = 20
ALL = 100_000  # chunks asked for: more than a document has


@dataclass(frozen=True)
class Ranked:
    """One question's ranking, whole.

    `scores` fall; `read` is the share of the document's tokens in the passages up to each; `first` is the rank at
    which the evidence stands together, None where the ranking never holds it.
    """

    document: str
    scores: Floats
    read: Floats
    first: int | None

    @property
    def needed(self) -> float:
        """The highest threshold that keeps the evidence; minus infinity where none does."""
        return float(self.scores[self.first - 1]) if self.first else -np.inf

    def kept(self, threshold: float) -> tuple[float, float, float]:
        """Covered or not, passages and share of tokens read at this threshold."""
        count = int(np.count_nonzero(self.scores >= threshold))
        covered = self.first is not None and self.first <= count
        return float(covered), float(count), float(self.read[count - 1]) if count else 0.0


def ranked(rank: Rank, cuts: Sequence[Cut], gold: Mapping[str, tuple[str, ...]]) -> list[Ranked]:
    """Rank the chunks of each question's own document."""
    return [
        Ranked(
            document=example.document_id,
            scores=np.array([chunk.metadata["relevance_score"] for chunk in found]),
            read=read,
            first=first_rank([chunk.page_content for chunk in found], gold[example.id]),
        )
        for example, found, read in read_shares(rank, cuts)
    ]


def by_rank(rows: Sequence[Ranked]) -> list[Ranked]:
    """The same rankings with minus the rank as score: a threshold on it is a fixed k."""
    return [replace(row, scores=-np.arange(1.0, len(row.scores) + 1)) for row in rows]


def unseen(rows: Sequence[Ranked], alpha: float, seed: int) -> dict[int, tuple[float, float, float]]:
    """Fit on half of the documents; what is kept for each question, by its place, of the other half."""
    documents = sorted({row.document for row in rows})
    order = np.random.default_rng(seed).permutation(len(documents))
    fitted = {documents[i] for i in order[: len(documents) // 2]}
    threshold = conformal_threshold([row.needed for row in rows if row.document in fitted], alpha)
    return {i: row.kept(threshold) for i, row in enumerate(rows) if row.document not in fitted}


def line(name: str, rows: Sequence[Ranked], alpha: float, splits: int = SPLITS) -> str:
    """One line of the table: every question counts with its mean over the splits that had not seen it."""
    found: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    halves = []
    for seed in range(splits):
        kept = unseen(rows, alpha, seed)
        halves.append(np.mean([covered for covered, _, _ in kept.values()]))
        for i, row in kept.items():
            found[i].append(row)
    means = np.array([np.mean(found[i], axis=0) for i in sorted(found)])
    clusters = [rows[i].document for i in sorted(found)]
    covered, passages, read = (estimate(column, clusters) for column in means.T)
    return (
        f"| {name} | {1 - alpha:.0%} | {covered.value:.1%} [{covered.low:.1%}, {covered.high:.1%}] | "
        f"{min(halves):.1%} to {max(halves):.1%} | {passages.value:.1f} [{passages.low:.1f}, {passages.high:.1f}] | "
        f"{read.value:.1%} |\n"
    )


def report(examples: Sequence[Example], encoder: Encoder, tokenizer: Tokenizer) -> str:
    """The table as Markdown."""
    gold = silver(examples)
    kept = [example for example in examples if example.id in gold]
    dense = partial(DenseRetriever.from_documents, encoder=encoder)
    hybrid = partial(HybridRetriever.from_documents, members=[BM25Retriever.from_documents, dense])
    indexes: dict[str, RetrieverFactory] = {
        "BM25": BM25Retriever.from_documents,
        "dense": dense,
        "hybrid": hybrid,
    }
    cuts = cut(RecursiveChunker(size=600, overlap=100, tokenizer=tokenizer), kept, tokenizer)
    table = {name: ranked(by(index, ALL), cuts, gold) for name, index in indexes.items()}
    table |= {f"{name}, fixed k": by_rank(rows) for name, rows in table.items()}
    return (
        f"{len(kept)} location questions on {len({e.document_id for e in kept})} documents; threshold fitted on half "
        f"of the documents, {SPLITS} seeded halves; intervals clustered by document.\n\n"
        "| score | promised | covered on unseen documents | from split to split | passages read | of the tokens |\n"
        "|---|---|---|---|---|---|\n"
        + "".join(line(name, rows, alpha) for name, rows in table.items() for alpha in ALPHAS)
    )


def main() -> None:
    """Print the table."""
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
