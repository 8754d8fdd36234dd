"""How fast the retrievers are, as ratios to named peers.

    OMP_NUM_THREADS=1 python experiments/bench/retrieval.py DATA bm25 fusion flat embedding cache pipeline

DATA is a folder in LaRA's layout; MiniLM's weights must be there (`rlc fetch model minilm`). Peer and product take turns
in one process and their CPU seconds are compared, so that the machine's speed and its other work cancel out; medians
over the rounds. The peers are not dependencies:
`pip install numba ranx llama-index-core llama-index-retrievers-bm25 langchain-community langchain-text-splitters`.
"""

import argparse
import importlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document

from rlc.chunkers import RecursiveChunker
from rlc.data import lara
from rlc.data.records import Example
from rlc.data.tokens import load_tokenizer
from rlc.data.weights import resolve
from rlc.retrievers.analyse import Analyser
from rlc.retrievers.base import top_k
from rlc.retrievers.bm25 import BM25Retriever, lucene
from rlc.retrievers.cache import CachedEncoder
from rlc.retrievers.dense import DenseRetriever, nearest
from rlc.retrievers.embed import SentenceEncoder, unit
from rlc.retrievers.fuse import HybridRetriever, Member, reciprocal_rank_fusion
from rlc.retrievers.storage import IndexReader, IndexWriter

SIZE, OVERLAP, K = 600, 100, 10


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peer(module: str) -> Any:  # noqa: ANN401 - a module
    """Import a peer, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise SystemExit(f"the peer {module} is not installed; see the head of this file") from error


def race(tasks: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Let the tasks take turns; CPU seconds of each, medians, and their ratios to the last one's (ours)."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for i in range(rounds):
        for name in list(tasks)[:: 1 if i % 2 == 0 else -1]:
            start = time.process_time()
            tasks[name]()
            seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ours = medians[list(tasks)[-1]]
    for name, value in medians.items():
        say(f"  {name:<52}{value * 1000:>11.2f} ms {value / ours:>9.2f}x ours")
    return medians


def chunks_of(examples: Sequence[Example], overlap: int = OVERLAP) -> list[Document]:
    """The chunks of all documents that the examples ask about."""
    chunker = RecursiveChunker(size=SIZE, overlap=overlap, tokenizer=load_tokenizer("minilm"))
    documents = {example.document_id: example.document for example in examples}
    return [chunk for document in documents.values() for chunk in chunker.split(document)]


def bm25(examples: Sequence[Example]) -> None:
    """1,000 questions, the best ten of all chunks; the same terms for everyone."""
    import bm25s
    import rank_bm25

    analyser = Analyser(whole_numbers=False)
    texts = analyser.many([chunk.page_content for chunk in chunks_of(examples)])
    queries = analyser.many([example.question for example in examples[:1000]])
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in terms] for terms in texts]
    asked = [[vocabulary[term] for term in terms if term in vocabulary] for terms in queries]
    say(
        f"bm25: {len(texts)} chunks, {len(queries)} questions of {np.mean([len(q) for q in asked]):.0f} terms"
    )
    peer("numba")
    rivals = {}
    for backend in ("numpy", "numba"):
        rivals[backend] = bm25s.BM25(k1=1.5, b=0.75, method="lucene", backend=backend)
        rivals[backend].index(texts, show_progress=False)
    okapi = rank_bm25.BM25Okapi(texts)
    postings = lucene(ids, len(vocabulary), 1.5, 0.75)
    ties = np.arange(len(texts))

    def ours() -> list[Any]:
        return [top_k(postings.scores(query), ties, K) for query in asked]

    def theirs(backend: str) -> Any:  # noqa: ANN401 - bm25s is untyped
        return rivals[backend].retrieve(queries, k=K, show_progress=False, n_threads=1)[0]

    agreement = np.mean(
        [len(set(a) & set(b)) / K for a, b in zip(ours(), theirs("numba").tolist(), strict=True)]
    )
    say(f"  top-{K} agreement with bm25s {agreement:.4f}; peak memory {peak_memory():.0f} MB")
    some = len(queries) // 50
    found = race(
        {
            f"rank-bm25, {some} questions": lambda: [okapi.get_scores(query) for query in queries[:some]],
            "bm25s, numpy": partial(theirs, "numpy"),
            "bm25s, numba": partial(theirs, "numba"),
            "rlc": ours,
        }
    )
    say(
        f"  rank-bm25 for all questions would be {found[f'rank-bm25, {some} questions'] * len(queries) / some / found['rlc']:.0f}x ours"
    )
    documents = [Document(id=str(i), page_content=" ".join(terms)) for i, terms in enumerate(texts)]
    retriever = BM25Retriever.from_documents(documents, k=K)
    questions = [example.question for example in examples[:1000]]
    race({"rlc's retriever, from text to documents": lambda: retriever.batch(questions)}, rounds=3)


def fusion() -> None:
    """1,000 questions, two lists of 100 with 40 in common."""
    ranx = peer("ranx")
    generator = np.random.default_rng(0)
    lists = []
    for _ in range(1000):
        pool = [f"d{i}" for i in generator.choice(100_000, 160, replace=False)]
        lists.append((pool[:100], [pool[i] for i in generator.permutation(np.arange(60, 160))]))
    given = [
        {f"q{i}": {d: 1.0 / (r + 1) for r, d in enumerate(pair[side])} for i, pair in enumerate(lists)}
        for side in (0, 1)
    ]
    runs = [ranx.Run(run) for run in given]
    fuse = partial(ranx.fuse, method="rrf", params={"k": 60})
    say("fusion: 1,000 questions, 2 lists of 100")
    race(
        {
            "ranx.fuse, from dicts": lambda: fuse(runs=[ranx.Run(run) for run in given]),
            "ranx.fuse, runs given": lambda: fuse(runs=runs),
            "rlc": lambda: [reciprocal_rank_fusion(pair) for pair in lists],
        }
    )


def flat(folder: Path, count: int = 1_000_000, dimension: int = 384) -> None:
    """A million vectors: opening the index, and searching it against reading the vectors once."""
    writer = IndexWriter(folder)
    vectors = np.lib.format.open_memmap(writer.path("vectors.npy"), "w+", np.float32, (count, dimension))
    generator = np.random.default_rng(0)
    for start in range(0, count, 50_000):
        vectors[start : start + 50_000] = unit(generator.normal(size=(50_000, dimension)).astype(np.float32))
    vectors.flush()
    writer.add("vectors.npy")
    writer.array("ties", np.arange(count))
    writer.commit("dense", {})
    say(f"flat: {count} vectors of {dimension}")
    opening = []
    for _ in range(5):
        began = time.perf_counter()
        opened = IndexReader.open(folder, "dense").array("vectors")
        opening.append(time.perf_counter() - began)
    say(f"  opened in {statistics.median(opening) * 1000:.1f} ms")
    query, ties = unit(generator.normal(size=(1, dimension)).astype(np.float32)), np.arange(count)
    memory = np.asarray(opened)
    race(
        {
            "reading every vector (numpy product)": lambda: memory @ query[0],
            "rlc, one query": lambda: nearest(query, memory, ties, K),
        }
    )


def embedding(examples: Sequence[Example]) -> None:
    """MiniLM on 512-token texts and on texts of mixed length."""
    from sentence_transformers import SentenceTransformer

    ours = SentenceEncoder("minilm")
    theirs = SentenceTransformer(str(resolve("minilm")), device="cpu")
    theirs.max_seq_length = 512
    document = examples[0].document.page_content
    offsets = ours.tokenizer.offsets(document)
    long = [
        document[offsets[i][0] : offsets[i + 505][0]]
        for i in range(0, 32 * 506, 506)
        if i + 505 < len(offsets)
    ]
    words = document.split()
    lengths = np.random.default_rng(0).integers(8, 300, 96)
    mixed = [" ".join(words[i * 300 : i * 300 + n]) for i, n in enumerate(lengths)]
    say(f"embedding, {ours.dtype}")
    for name, texts in (("long", long), ("mixed", mixed)):
        exact, fast = theirs.encode(texts, normalize_embeddings=True), ours.encode_documents(texts)
        say(f"  {name}: {len(texts)} texts, smallest cosine {(exact * fast).sum(1).min():.5f}")
        race(
            {
                "sentence-transformers": partial(theirs.encode, texts),
                "rlc": partial(ours.encode_documents, texts),
            },
            3,
        )
    agreement = []
    chunker = RecursiveChunker(size=500, overlap=100, tokenizer=ours.tokenizer)
    documents = {example.document_id: example.document for example in examples}
    for id_ in sorted(documents)[:: len(documents) // 5][:5]:
        texts = [chunk.page_content for chunk in chunker.split(documents[id_])][:60]
        questions = [example.question for example in examples if example.document_id == id_]
        exact = (
            theirs.encode(questions, normalize_embeddings=True)
            @ theirs.encode(texts, normalize_embeddings=True).T
        )
        fast = ours.encode_queries(questions) @ ours.encode_documents(texts).T
        best = [np.argsort(-scores, axis=1)[:, :K].tolist() for scores in (exact, fast)]
        agreement += [len(set(a) & set(b)) / K for a, b in zip(*best, strict=True)]
    say(f"  top-{K} agreement over {len(agreement)} questions in 5 documents {np.mean(agreement):.4f}")


def cache(examples: Sequence[Example], folder: Path) -> None:
    """A second run over unchanged text."""
    texts = [chunk.page_content for chunk in chunks_of(examples[:1])]
    encoder = SentenceEncoder("minilm")
    cached = CachedEncoder(encoder, file=folder / "vectors.sqlite")
    cached.encode_documents(texts)
    again = CachedEncoder(encoder, file=folder / "vectors.sqlite")
    say(f"cache: {len(texts)} chunks")
    race(
        {
            "embedding": lambda: encoder.encode_documents(texts),
            "rlc, second run": lambda: again.encode_documents(texts),
        },
        3,
    )
    say(f"  embedded in the second run: {again.embedded}")


def pipeline(examples: Sequence[Example]) -> None:
    """Five documents chunked, indexed and all their questions retrieved: seconds of CPU, each once."""
    documents = {e.document_id: e.document for e in examples if e.metadata["length"] == "32k"}
    chosen = dict(sorted(documents.items())[:: max(1, len(documents) // 5)][:5])
    asked = {id_: [e.question for e in examples if e.document_id == id_] for id_ in chosen}
    count = sum(map(len, asked.values()))
    encoder = SentenceEncoder("minilm")
    tokenizer = load_tokenizer("minilm")

    def ours(document: Document, questions: Sequence[str]) -> None:
        chunks = RecursiveChunker(size=SIZE, overlap=OVERLAP, tokenizer=tokenizer).transform_documents(
            [document]
        )
        members: list[Member] = [
            BM25Retriever.from_documents,
            partial(DenseRetriever.from_documents, encoder=encoder),
        ]
        HybridRetriever.from_documents(chunks, members=members).search(questions)

    say(f"pipeline: {len(chosen)} documents, {count} questions")
    seconds = {}
    rivals = peer("retrieval_peers")  # beside this file
    arms = {
        "llama-index": rivals.llama_index(SIZE, OVERLAP),
        "langchain": rivals.langchain(SIZE, OVERLAP),
        "rlc": ours,
    }
    for name, arm in arms.items():
        start = time.process_time()
        for id_, document in chosen.items():
            arm(document, asked[id_])
        seconds[name] = time.process_time() - start
    rebuilt = 0.0
    for id_, document in chosen.items():
        start = time.process_time()
        arms["llama-index"](document, asked[id_][:1])
        rebuilt += (time.process_time() - start) * len(asked[id_])
    seconds = {"llama-index, rebuilt for every question (one timed, times questions)": rebuilt, **seconds}
    for name, value in seconds.items():
        say(f"  {name:<70}{value:>9.1f} s {value / seconds['rlc']:>8.1f}x ours")
    say(f"  peak memory {peak_memory():.0f} MB")


def peak_memory() -> float:
    """Of the whole process, peers included, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the named parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="LaRA's folder, which holds datasets/")
    parser.add_argument(
        "parts", nargs="+", choices=["bm25", "fusion", "flat", "embedding", "cache", "pipeline"]
    )
    given = parser.parse_args()
    examples = lara.load(given.data).examples
    with tempfile.TemporaryDirectory() as folder:
        parts: dict[str, Callable[[], None]] = {
            "bm25": partial(bm25, examples),
            "fusion": fusion,
            "flat": partial(flat, Path(folder) / "flat"),
            "embedding": partial(embedding, examples),
            "cache": partial(cache, examples, Path(folder)),
            "pipeline": partial(pipeline, examples),
        }
        for part in given.parts:
            parts[part]()


if __name__ == "__main__":
    main()
