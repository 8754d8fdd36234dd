"""How retrieval grows, from ten thousand chunks to a million: time, memory, bytes on disk, and recall against exact search.

    OMP_NUM_THREADS=1 python experiments/bench/growth.py OUT.json [--chunks 10000 100000 1000000]
        [--rows bm25 flat ivf hnsw hybrid] [--plot OUT.svg]

The texts are drawn: 64 words each, by Zipf's law, out of 200,000. So are the vectors: 384 numbers that vary in 48
directions, in clusters of fifty, each question's in one of them; text may be harder or easier. Every row builds, asks and
saves in a process of its own, and a second process opens what was saved and asks once. Memory is the process's peak
above its documents and their vectors, as Linux counts it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast, get_args

import numpy as np
from langchain_core.documents import Document

from rlc.data.lazy import import_needs
from rlc.data.protocols import Encoder, Floats, TokenEmbeddings, Tokenizer
from rlc.data.tokens import load_tokenizer
from rlc.experiments.bench.base import BenchRecord, Figures, say
from rlc.experiments.bench.load import measured
from rlc.retrievers.base import Retriever
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.dense import DenseRetriever, IndexKind
from rlc.retrievers.encoders.sentence_transformer import unit
from rlc.retrievers.hybrid import HybridRetriever

WORDS, VOCABULARY, DIMENSION, LATENT, QUESTIONS, K = 64, 200_000, 384, 48, 200, 10
ROWS = ("bm25", "flat", "ivf", "hnsw", "hybrid")


def texts_of(count: int) -> list[str]:
    """Seeded texts whose words are as unevenly common as those of a language."""
    generator = np.random.default_rng(1)
    common = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    words = [f"w{rank}" for rank in range(VOCABULARY)]
    texts: list[str] = []
    for start in range(0, count, 10_000):
        drawn = np.searchsorted(common, generator.random((min(10_000, count - start), WORDS)) * common[-1])
        texts += [" ".join([words[rank] for rank in row]) for row in drawn.tolist()]
    return texts


@dataclass(frozen=True)
class Drawn(Encoder):
    """An encoder that hands out drawn vectors: text i's is `vectors[i]`, that of a question the one that it numbers."""

    vectors: Floats
    questions: Floats
    name: str = "drawn"
    dimension: int = DIMENSION
    window: int = WORDS
    pooling: str = "none"
    tokenizer: Tokenizer = field(default_factory=partial(load_tokenizer, "approximate"))

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        return self.vectors[: len(texts)]

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        return self.questions[[int(text.rpartition("#")[2]) for text in texts]]

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """Not drawn: nothing here asks for tokens."""
        raise NotImplementedError(f"{self.name} has no tokens for {len(texts)} texts")


def vectors_of(count: int, seed: int = 1, clusters: int = 1) -> Floats:
    """Seeded unit vectors [count, DIMENSION], which vary in LATENT directions; all seeds share them and the centres."""
    shared = np.random.default_rng(0)
    directions = shared.standard_normal((LATENT, DIMENSION), np.float32)
    centres = shared.standard_normal((clusters, LATENT), np.float32)
    generator = np.random.default_rng(seed)
    vectors = np.empty((count, DIMENSION), np.float32)
    for start in range(0, count, 10_000):
        near = centres[generator.integers(clusters, size=min(10_000, count - start))]
        near = near + generator.standard_normal(near.shape, np.float32)
        vectors[start : start + len(near)] = unit(near @ directions)
    return vectors


def encoder_of(count: int, drawn: int) -> Drawn:
    """The encoder of a collection of so many chunks, with the vectors of the first."""
    clusters = count // 50
    return Drawn(vectors_of(drawn, clusters=clusters), vectors_of(QUESTIONS, seed=2, clusters=clusters))


def documents_of(row: str, count: int) -> list[Document]:
    """Chunks, a hundred of each source; where vectors alone are searched their text is their number."""
    texts = texts_of(count) if row in ("bm25", "hybrid") else map(str, range(count))
    return [
        Document(id=f"{i // 100}:{i % 100}", page_content=text, metadata={"source": f"{i // 100}"})
        for i, text in enumerate(texts)
    ]


def questions_of(documents: Sequence[Document]) -> list[str]:
    """Eight words of evenly spread chunks each, and the question's number."""
    spread = documents[:: max(1, len(documents) // QUESTIONS)][:QUESTIONS]
    return [" ".join(one.page_content.split()[:8]) + f" #{i}" for i, one in enumerate(spread)]


def build(row: str, documents: Sequence[Document], encoder: Drawn) -> Retriever:
    """Index the documents as the row says."""
    if row == "bm25":
        return BM25Retriever.from_documents(documents, k=K)
    if row in get_args(IndexKind):
        return DenseRetriever.from_documents(documents, encoder=encoder, k=K, index=cast("IndexKind", row))
    members = [partial(build, "bm25", encoder=encoder), partial(build, "flat", encoder=encoder)]
    return HybridRetriever.from_documents(documents, members=members, k=K)


def built(row: str, count: int, folder: Path) -> Figures:
    """Build one index, ask it, and save it where it can be saved."""
    documents = documents_of(row, count)
    encoder = encoder_of(count, 0 if row == "bm25" else count)
    questions = questions_of(documents)
    given, seconds = memory_so_far(), time.process_time()
    retriever = build(row, documents, encoder)
    figures: Figures = {"build_cpu_seconds": time.process_time() - seconds, "build_mb": peak_since(given)}
    retriever.search(questions[:1])  # what is made at the first question
    figures["alone_ms"] = asked([[question] for question in questions[:20]], retriever)
    figures["batch_ms"] = asked([questions], retriever) / len(questions)
    figures["search_mb"] = peak_since(given)
    if isinstance(retriever, DenseRetriever) and retriever.candidates is not None:
        exact = DenseRetriever(**(dict(retriever) | {"candidates": None})).search(questions)
        pairs = zip(exact, retriever.search(questions), strict=True)
        same = [len({one.id for one in best} & {one.id for one in found}) / K for best, found in pairs]
        figures["recall_at_10"] = statistics.mean(same)
        index = retriever.candidates
        figures["width"] = index.hnsw.efSearch if row == "hnsw" else index.nprobe
    if isinstance(retriever, BM25Retriever | DenseRetriever):
        seconds = time.process_time()
        retriever.save(folder)
        figures["save_cpu_seconds"] = time.process_time() - seconds
        figures["bytes"] = sum(file.stat().st_size for file in folder.iterdir())
    return figures


def opened(row: str, count: int, folder: Path) -> Figures:
    """Open what was saved, and ask once."""
    encoder = encoder_of(count, 0)
    given, seconds = memory_so_far(), time.process_time()
    retriever: Retriever
    if row == "bm25":
        retriever = BM25Retriever.open(folder, k=K)
    else:
        retriever = DenseRetriever.open(folder, encoder=encoder, k=K)
    figures: Figures = {"open_cpu_seconds": time.process_time() - seconds}
    return figures | {"first_ms": asked([["w1 w100 w10000 #0"]], retriever), "opened_mb": peak_since(given)}


def memory_so_far() -> float:
    """The process's memory in MB; its peak is counted anew from here (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return kernel_mb("VmRSS")


def peak_since(given: float) -> float:
    """By how many MB the peak is above what was there."""
    return kernel_mb("VmHWM") - given


def kernel_mb(field: str) -> float:
    """A memory figure of this process by its name in `/proc`, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def asked(batches: Sequence[Sequence[str]], retriever: Retriever) -> float:
    """CPU milliseconds of searching a batch, the median."""
    found = []
    for questions in batches:
        start = time.process_time()
        retriever.search(questions)
        found.append(1000 * (time.process_time() - start))
    return statistics.median(found)


def row_of(row: str, count: int, place: Path) -> Figures:
    """A row's figures, from a process that builds and another that opens."""
    figures: Figures = {}
    for step in ("built", "opened")[: 1 if row == "hybrid" else 2]:
        out = place / f"{step}.json"
        measured(
            [sys.executable, __file__, str(out), "--step", step, row, str(count), str(place / "index")], place
        )
        figures |= json.loads(out.read_text(encoding="utf-8"))
    say(f"{row} {count:,}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    return figures


def draw(records: Mapping[str, Figures], file: Path) -> None:
    """Draw time and memory of every row against the number of chunks; straight lines are growth by a power."""
    from matplotlib.figure import Figure

    panels = {
        "build_cpu_seconds": "to build, CPU s",
        "search_mb": "memory, MB",
        "alone_ms": "a question alone, CPU ms",
    }
    figure = Figure((9, 3.2), layout="constrained")
    for axes, (key, label) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for row in ROWS:
            sizes = {
                int(name.split()[1]): one[key] for name, one in records.items() if name.split()[0] == row
            }
            axes.plot(*zip(*sorted(sizes.items()), strict=True), "o-", label=row, markersize=4)
        axes.set(xscale="log", yscale="log", xlabel="chunks", title=label)
        axes.grid(visible=True, which="both", alpha=0.2)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    figure.savefig(file)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--chunks", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=ROWS)
    parser.add_argument("--plot", type=Path, help="draw the growth here")
    parser.add_argument("--step", nargs=4, help="what a process of its own does: STEP ROW CHUNKS FOLDER")
    given = parser.parse_args()
    if given.step:
        step, row, count, folder = given.step
        for method in (BM25Retriever, DenseRetriever):
            import_needs(method)
        figures = {"built": built, "opened": opened}[step](row, int(count), Path(folder))
        given.out.write_text(json.dumps(figures), encoding="utf-8")
        return
    record = BenchRecord(given.out)
    for count in given.chunks:
        for row in given.rows:
            with tempfile.TemporaryDirectory() as place:
                record.add(f"{row} {count}", row_of(row, count, Path(place)))
    if given.plot:
        draw(record.sections(), given.plot)


if __name__ == "__main__":
    main()
