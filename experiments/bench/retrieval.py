"""How fast the retrievers are, as ratios to named peers.

    OMP_NUM_THREADS=1 python experiments/bench/retrieval.py DATA PART ... --out FILE

DATA is a folder in LaRA's layout, PART one of those in `PARTS`; MiniLM's weights must be there (`rlc fetch model
minilm`). Peer and product take turns in one process and their CPU seconds are compared, so that the machine's speed and
its other work cancel out; medians over the rounds. FILE (docs/bench/retrieval.json) keeps figures, versions and machine,
a section a part. The peers are not dependencies:
`pip install numba ranx llama-index-core llama-index-retrievers-bm25 langchain-community langchain-text-splitters`.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document

from rlc.chunkers import RecursiveChunker
from rlc.data.protocols import Floats
from rlc.data.records import Example
from rlc.data.sets import lara
from rlc.data.tokens import load_tokenizer
from rlc.data.weights import resolve
from rlc.experiments.bench.base import BenchRecord, Figures, peak_memory, peer, race, say
from rlc.retrievers.base import RetrieverFactory, top_k
from rlc.retrievers.bm25 import BM25Retriever, frequencies, lucene
from rlc.retrievers.dense import DenseRetriever, IndexKind, build_candidates, nearest
from rlc.retrievers.encoders.cached import CachedEncoder
from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder, unit
from rlc.retrievers.fuse.batch import reciprocal_rank_fusion_batch
from rlc.retrievers.fuse.ranks import reciprocal_rank_fusion
from rlc.retrievers.hybrid import HybridRetriever
from rlc.retrievers.index.analyse import Analyser
from rlc.retrievers.index.storage import IndexReader, IndexWriter

SIZE, OVERLAP, K = 600, 100, 10
PEERS = (
    "numba", "ranx", "llama-index-core", "llama-index-retrievers-bm25", "langchain-community",
    "langchain-text-splitters",
)  # fmt: skip
PARTS = ("bm25", "fusion", "flat", "indexes", "embedding", "agreement", "cache", "pipeline")


def chunks_of(examples: Sequence[Example], overlap: int = OVERLAP) -> list[Document]:
    """The chunks of all documents that the examples ask about."""
    chunker = RecursiveChunker(size=SIZE, overlap=overlap, tokenizer=load_tokenizer("minilm"))
    documents = {example.document_id: example.document for example in examples}
    return [chunk for document in documents.values() for chunk in chunker.split(document)]


def bm25(examples: Sequence[Example]) -> Figures:
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
    postings = lucene(frequencies([ids]), 1.5, 0.75)
    ties = np.arange(len(texts))

    def ours() -> list[Any]:
        return [top_k(postings.scores(query), ties, K, postings.nothing) for query in asked]

    def theirs(backend: str) -> Any:  # noqa: ANN401 - bm25s is untyped
        return rivals[backend].retrieve(queries, k=K, show_progress=False, n_threads=1)[0]

    agreement = np.mean(
        [len(set(a) & set(b)) / K for a, b in zip(ours(), theirs("numba").tolist(), strict=True)]
    )
    say(f"  top-{K} agreement with bm25s {agreement:.4f}; peak memory {peak_memory():.0f} MB")
    some = len(queries) // 50
    few = f"rank-bm25, {some} questions"
    found = race(
        {
            few: lambda: [okapi.get_scores(query) for query in queries[:some]],
            "bm25s, numpy": partial(theirs, "numpy"),
            "bm25s, numba": partial(theirs, "numba"),
            "rlc": ours,
        }
    )
    whole = found[few]["times_ours"] * len(queries) / some
    say(f"  rank-bm25 for all questions would be {whole:.0f}x ours")
    frequent = np.diff(postings.starts) > len(texts) // 16  # whose impacts are written out as rows
    rows = [[term for term in query if frequent[term]] for query in asked]
    lists = [[term for term in query if not frequent[term]] for query in asked]
    scores = [postings.scores(query) for query in asked]
    profile = {
        f"adding {np.mean([len(q) for q in rows]):.1f} rows": lambda: [postings.scores(q) for q in rows],
        f"adding {np.mean([len(q) for q in lists]):.1f} lists": lambda: [postings.scores(q) for q in lists],
        f"the best {K}": lambda: [top_k(one, ties, K, postings.nothing) for one in scores],
        "rlc": ours,
    }
    documents = [Document(id=str(i), page_content=" ".join(terms)) for i, terms in enumerate(texts)]
    retriever = BM25Retriever.from_documents(documents, k=K)
    questions = [example.question for example in examples[:1000]]
    return {
        "chunks": len(texts),
        "questions": len(queries),
        "terms_a_question": float(np.mean([len(query) for query in asked])),
        "top_10_agreement_with_bm25s": float(agreement),
        "race": found,
        "rank_bm25_times_ours": whole,
        "profile": race(profile),
        "retriever_from_text_to_documents": race(
            {"rlc's retriever": lambda: retriever.batch(questions)}, rounds=3
        ),
        "peak_memory_mb": peak_memory(),
    }


def fusion() -> Figures:
    """1,000 questions, two lists of 100 with 40 in common; ranx and rlc given their own form, and plain lists."""
    ranx = peer("ranx")
    generator = np.random.default_rng(0)
    lists = []
    for _ in range(1000):
        pool = generator.choice(100_000, 160, replace=False)
        lists.append((pool[:100], generator.permutation(pool[60:])))
    arrays = [np.stack(side) for side in zip(*lists, strict=True)]
    named = [[[f"d{i:06}" for i in side.tolist()] for side in pair] for pair in lists]
    given = [
        {f"q{i}": {d: 1.0 / (r + 1) for r, d in enumerate(pair[side])} for i, pair in enumerate(named)}
        for side in (0, 1)
    ]
    runs = [ranx.Run(run) for run in given]
    fuse = partial(ranx.fuse, method="rrf", params={"k": 60})
    say("fusion: 1,000 questions, 2 lists of 100")
    return {
        "questions": len(lists),
        "own_form": race(
            {
                "ranx.fuse, runs given": lambda: fuse(runs=runs),
                "rlc, arrays given": lambda: reciprocal_rank_fusion_batch(arrays),
            }
        ),
        "plain_lists": race(
            {
                "ranx.fuse, from dicts": lambda: fuse(runs=[ranx.Run(run) for run in given]),
                "rlc, one question at a time": lambda: [reciprocal_rank_fusion(pair) for pair in named],
            }
        ),
    }


def flat(folder: Path, count: int = 1_000_000, dimension: int = 384) -> Figures:
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
    walls, cpus = [], []
    for _ in range(9):
        wall, cpu = time.perf_counter(), time.process_time()
        opened = IndexReader.open(folder, "dense").array("vectors")
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    opening = {"seconds": statistics.median(walls), "cpu_seconds": statistics.median(cpus)}
    say(
        f"  opened in {opening['seconds'] * 1000:.1f} ms, {opening['cpu_seconds'] * 1000:.1f} ms of them computing"
    )
    query, ties = unit(generator.normal(size=(1, dimension)).astype(np.float32)), np.arange(count)
    memory = np.asarray(opened)
    found = race(
        {
            "reading every vector (numpy product)": lambda: memory @ query[0],
            "rlc, one query": lambda: nearest(query, memory, ties, K),
        }
    )
    return {
        "vectors": count,
        "dimension": dimension,
        "opening": opening,
        "race": found,
    }


def indexes(count: int = 20_000, dimension: int = 384) -> Figures:
    """FAISS's candidates against comparing every vector: vectors in clusters of 40, questions near some of them."""
    generator = np.random.default_rng(0)

    def near(points: Floats) -> Floats:
        noise = generator.normal(size=points.shape) / dimension**0.5
        return unit((points + noise).astype(np.float32))

    centres = unit(generator.normal(size=(count // 40, dimension)).astype(np.float32))
    vectors = near(centres[generator.integers(len(centres), size=count)])
    queries = near(vectors[generator.integers(count, size=500)])
    ties = np.arange(count)
    say(f"indexes: {count} vectors, {len(queries)} questions")
    exact = [set(rows.tolist()) for rows, _ in nearest(queries, vectors, ties, K)]
    figures: Figures = {"vectors": count, "dimension": dimension, "questions": len(queries)}
    kinds: tuple[IndexKind, ...] = ("flat", "sq8", "ivf", "hnsw")
    built = {}
    for kind in kinds:
        start = time.process_time()
        built[kind] = build_candidates(vectors, kind)
        seconds = time.process_time() - start
        found = nearest(queries, vectors, ties, K, built[kind])
        recall = np.mean(
            [len(set(rows.tolist()) & best) / K for (rows, _), best in zip(found, exact, strict=True)]
        )
        figures[kind] = {"build_cpu_seconds": seconds, "recall_at_10": float(recall)}
        say(f"  {kind}: built in {seconds:.2f} s, recall {recall:.3f}")
    together: dict[str, Callable[[], object]] = {}
    alone: dict[str, Callable[[], object]] = {}
    for kind in reversed(kinds):  # flat last: the others are counted against it
        ask = partial(nearest, vectors=vectors, ties=ties, k=K, candidates=built[kind])
        together[kind] = partial(ask, queries)
        alone[kind] = partial(one_by_one, ask, queries[:50])
    return figures | {"all_at_once": race(together, 3), "50_one_by_one": race(alone, 3)}


def one_by_one(ask: Callable[[Floats], object], queries: Floats) -> None:
    """Ask for each query alone."""
    for query in queries:
        ask(query[None])


def embedding(examples: Sequence[Example]) -> Figures:
    """MiniLM on 512-token texts and on texts of mixed length."""
    ours, theirs = SentenceEncoder("minilm"), sentence_transformer()
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
    figures: Figures = {"dtype": ours.dtype}
    for name, texts in (("long", long), ("mixed", mixed)):
        exact, fast = theirs.encode(texts, normalize_embeddings=True), ours.encode_documents(texts)
        smallest = float((exact * fast).sum(1).min())
        say(f"  {name}: {len(texts)} texts, smallest cosine {smallest:.5f}")
        tasks = {
            "sentence-transformers": partial(theirs.encode, texts),
            "rlc": partial(ours.encode_documents, texts),
        }
        figures[name] = {"texts": len(texts), "smallest_cosine": smallest, "race": race(tasks, 3)}
    return figures


def agreement(examples: Sequence[Example], count: int = 13) -> Figures:
    """How many of the ten nearest chunks are sentence-transformers'; they differ where two scores nearly tie."""
    ours, theirs = SentenceEncoder("minilm"), sentence_transformer()
    shared, lost = [], []
    chunker = RecursiveChunker(size=500, overlap=100, tokenizer=ours.tokenizer)
    documents = {e.document_id: e.document for e in examples if e.metadata["length"] == "32k"}
    for id_ in sorted(documents)[:: max(1, len(documents) // count)][:count]:
        texts = [chunk.page_content for chunk in chunker.split(documents[id_])]
        questions = [example.question for example in examples if example.document_id == id_]
        exact = (
            theirs.encode(questions, normalize_embeddings=True)
            @ theirs.encode(texts, normalize_embeddings=True).T
        )
        fast = ours.encode_queries(questions) @ ours.encode_documents(texts).T
        best = [np.argsort(-scores, axis=1)[:, :K].tolist() for scores in (exact, fast)]
        for row, a, b in zip(exact, *best, strict=True):
            shared.append(len(set(a) & set(b)) / K)
            if set(a) != set(b):
                falling = np.sort(row)[::-1]
                lost.append(float(falling[K - 1] - falling[K]))
    say(f"agreement of the top {K}: {len(shared)} questions in {count} documents {np.mean(shared):.4f}")
    return {
        "dtype": ours.dtype,
        "questions": len(shared),
        "documents": count,
        "top_10": float(np.mean(shared)),
        "questions_that_differ": len(lost),
        "largest_gap_of_scores_where_they_differ": max(lost, default=0.0),
    }


def sentence_transformer() -> Any:  # noqa: ANN401 - untyped
    """The peer as it comes, on all of the model's 512 positions."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(resolve("minilm")), device="cpu")
    model.max_seq_length = 512
    return model


def cache(examples: Sequence[Example], folder: Path) -> Figures:
    """A second run over unchanged text."""
    texts = [chunk.page_content for chunk in chunks_of(examples[:1])]
    encoder = SentenceEncoder("minilm")
    cached = CachedEncoder(encoder, file=folder / "vectors.sqlite")
    cached.encode_documents(texts)
    again = CachedEncoder(encoder, file=folder / "vectors.sqlite")
    say(f"cache: {len(texts)} chunks")
    found = race(
        {
            "embedding": lambda: encoder.encode_documents(texts),
            "rlc, second run": lambda: again.encode_documents(texts),
        },
        3,
    )
    say(f"  embedded in the second run: {again.embedded}")
    return {"chunks": len(texts), "embedded_in_the_second_run": again.embedded, "race": found}


def pipeline(examples: Sequence[Example]) -> Figures:
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
        members: list[RetrieverFactory] = [
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
    return {
        "documents": len(chosen),
        "questions": count,
        "race": {
            name: {"cpu_seconds": value, "times_ours": value / seconds["rlc"]}
            for name, value in seconds.items()
        },
        "peak_memory_mb": peak_memory(),
    }


def main() -> None:
    """Run the named parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="LaRA's folder, which holds datasets/")
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--out", type=Path, help="JSON file that keeps the figures, a section a part")
    given = parser.parse_args()
    examples = lara.load(given.data).examples
    with tempfile.TemporaryDirectory() as folder:
        parts: dict[str, Callable[[], Figures]] = {
            "bm25": partial(bm25, examples),
            "fusion": fusion,
            "flat": partial(flat, Path(folder) / "flat"),
            "indexes": indexes,
            "agreement": partial(agreement, examples),
            "embedding": partial(embedding, examples),
            "cache": partial(cache, examples, Path(folder)),
            "pipeline": partial(pipeline, examples),
        }
        for part in given.parts:
            figures = parts[part]()
            if given.out:
                BenchRecord(given.out, PEERS).add(part, figures)


if __name__ == "__main__":
    main()
