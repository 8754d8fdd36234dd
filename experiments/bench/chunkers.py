"""How fast the chunkers are, as ratios to named peers.

    python experiments/bench/chunkers.py DATA exactness sentences tokens semantic late --out FILE

DATA is a folder in LaRA's layout; FILE (docs/bench/chunkers.json) keeps figures, versions and machine, a section a topic. Peer and product take turns in one process, on one thread, and their CPU seconds
are compared: the machine's speed and its other work cancel out. Each round sees other text (some peers remember
what they have seen). The peers are not dependencies: `pip install chonkie llama-index-core nupunkt`.
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlc.chunkers import LateChunker, RecursiveChunker, SemanticChunker, SentenceChunker
from rlc.chunkers.recursive import first_word, last_separator
from rlc.chunkers.support.windows import Ruler, windows
from rlc.data.protocols import Encoder
from rlc.data.text.sentences import split_sentences
from rlc.data.text.words import WordCache
from rlc.data.tokens import FastTokenizer
from rlc.experiments.bench.base import BenchRecord, Figures, peak_memory, peer, say

Task = Callable[[list[str]], object]
Round = list[str]
SIZE, OVERLAP = 600, 100
PEERS = ("chonkie", "llama-index-core", "nupunkt")


def race(tasks: Mapping[str, Task], rounds: Sequence[Round], *peers: str) -> Figures:
    """Let the tasks take turns at each round's texts.

    MB per CPU second, and how many times as fast as the faster of `peers` (medians over the rounds).
    """
    speeds: dict[str, list[float]] = {name: [] for name in tasks}
    for i, texts in enumerate(rounds):
        order = list(tasks) if i % 2 == 0 else list(tasks)[::-1]
        for name in order:
            start = time.process_time()
            tasks[name](texts)
            speeds[name].append(sum(map(len, texts)) / 1e6 / (time.process_time() - start))
    best = [max(values) for values in zip(*(speeds[name] for name in peers), strict=True)]
    found: Figures = {}
    for name, values in speeds.items():
        speed = statistics.median(values)
        ratio = statistics.median(a / b for a, b in zip(values, best, strict=True))
        say(f"  {name:<44}{speed:>10.4g} MB/s {ratio:>9.2f}x")
        found[name] = {"mb_per_cpu_second": speed, "times_the_faster_peer": ratio}
    return {"rounds": len(rounds), "peers": peers, "race": found}


def slices(texts: Sequence[str], length: int, rounds: int) -> list[Round]:
    """Stretches of all texts together, one a round, evenly spread."""
    whole = "".join(texts)
    step = (len(whole) - length) // max(rounds - 1, 1)
    return [[whole[i * step : i * step + length]] for i in range(rounds)]


def sentences(texts: Sequence[str], rounds: int) -> Figures:
    """Sentence splitting: speed at two lengths, and what is split wrongly in the filings."""
    nupunkt = peer("nupunkt")
    nupunkt.sent_spans("Loaded. Now.")
    tasks: dict[str, Task] = {
        "rlc": lambda batch: [split_sentences(text) for text in batch],
        "nupunkt": lambda batch: [nupunkt.sent_spans(text) for text in batch],
    }
    figures: Figures = {}
    for length in (300_000, 1_500_000):
        say(f"sentences, {length / 1e6:g} MB a round")
        figures[f"{length / 1e6:g} MB"] = race(tasks, slices(texts, length, rounds), "nupunkt")
    # Judged by nupunkt's own list, which the rules were not written from; a blank line is a real boundary.
    known = {
        word
        for word in nupunkt.load_default_model()._params.abbrev_types
        if re.fullmatch(r"[a-z][a-z.]*", word)
    }
    for name, split in (("rlc", split_sentences), ("nupunkt", nupunkt.sent_spans)):
        counts = {what: f"{a} of {b}" for what, a, b in mistakes(texts, split, known)}
        say(f"  {name:<10}" + ", ".join(f"{what} {count}" for what, count in counts.items()))
        figures[f"{name}, filings"] = counts
    return figures


def mistakes(
    texts: Sequence[str], split: Callable[[str], list[tuple[int, int]]], known: set[str]
) -> Iterator[tuple[str, int, int]]:
    """What was split though it should not be, and the plain boundaries that were found."""
    patterns = {
        "decimals split": re.compile(r"\d\.\d"),
        "abbreviations split": re.compile(r"(?<![\w.])([A-Za-z][A-Za-z.]*)\.[ \t]+(?=[a-z0-9(\[])"),
        "plain boundaries found": re.compile(r"[a-z]{3,}\. +(?=[A-Z][a-z]+ [a-z])"),
    }
    found = {what: [0, 0] for what in patterns}
    for text in texts:
        borders = np.array([end for _, end in split(text)])
        for what, pattern in patterns.items():
            for match in pattern.finditer(text):
                if what.startswith("abb") and match[1].lower() not in known:
                    continue
                low, high = np.searchsorted(borders, [match.start() + 1, match.end() + 1])
                found[what][0] += int(high > low)
                found[what][1] += 1
    for what, (hits, cases) in found.items():
        yield what, hits, cases


def tokens(texts: Sequence[str], rounds: int) -> Figures:
    """Chunks of 600 tokens that share 100, counted by MiniLM's tokenizer."""
    splitter = peer("llama_index.core.node_parser").SentenceSplitter
    warm = minilm_tokenizer()

    def rlc(
        chunker: type[SentenceChunker | RecursiveChunker], tokenizer: FastTokenizer | None = None
    ) -> Task:
        def task(batch: Round) -> list[Any]:
            made = chunker(SIZE, OVERLAP, tokenizer or minilm_tokenizer())
            return [made.spans(text) for text in batch]

        return task

    def llama_index(batch: Round) -> list[Any]:
        backend = minilm_tokenizer().backend
        made = splitter(
            chunk_size=SIZE,
            chunk_overlap=OVERLAP,
            tokenizer=lambda text: backend.encode(text, add_special_tokens=False).ids,
        )
        return [made.split_text(text) for text in batch]

    def chonkie(batch: Round) -> list[Any]:
        made = peer("chonkie").SentenceChunker(minilm_tokenizer().backend, SIZE, OVERLAP)
        return [made.chunk(text) for text in batch]

    def encode(batch: Round) -> list[Any]:
        backend = minilm_tokenizer().backend
        return [backend.encode(text, add_special_tokens=False) for text in batch]

    for text in texts:
        RecursiveChunker(SIZE, OVERLAP, warm).spans(text)
    tasks = {
        "rlc sentence, cold": rlc(SentenceChunker),
        "rlc recursive, cold": rlc(RecursiveChunker),
        "rlc recursive, warm": rlc(RecursiveChunker, warm),
        "one encode per document": encode,
        "chonkie SentenceChunker": chonkie,
        "llama-index SentenceSplitter": llama_index,
    }
    figures: Figures = {}
    for megabytes, slow in ((3.0, ()), (float("inf"), (chonkie, llama_index))):
        rows = {name: task for name, task in tasks.items() if task not in slow}
        batches = [list(some(texts, megabytes, i)) for i in range(rounds)]
        read = f"{statistics.median(sum(map(len, b)) for b in batches) / 1e6:.1f} MB"
        say(f"{SIZE}/{OVERLAP} tokens, {read} a round")
        figures[read] = race(rows, batches, "one encode per document")
    return figures


def exactness(texts: Sequence[str], rounds: int) -> Figures:  # noqa: ARG001 - as all topics
    """Hold the word cache to its tokenizer, and the chunks to their size, on every document; memory if run alone."""
    tokenizer = minilm_tokenizer()
    cache, chunker = WordCache(tokenizer), SentenceChunker(SIZE, OVERLAP, tokenizer)
    other = sum(not np.array_equal(cache.borders(text), tokenizer.offsets(text)) for text in texts)
    longest = max(tokenizer.count(text[s.start : s.end]) for text in texts for s in chunker.spans(text))
    peak = peak_memory()
    say(
        f"  documents with other offsets: {other} of {len(texts)}; longest chunk {longest}; peak {peak:.0f} MB"
    )
    return {
        "documents": len(texts),
        "documents_with_other_offsets": other,
        "longest_chunk": longest,
        "peak_memory_mb": peak,
    }


def semantic(texts: Sequence[str], rounds: int) -> Figures:
    """Semantic chunks with MiniLM: the peers with sentence-transformers as they come."""
    from sentence_transformers import SentenceTransformer

    from rlc.data.weights import resolve
    from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder

    model = SentenceTransformer(str(resolve("minilm")), device="cpu")
    encoder = SentenceEncoder("minilm", device="cpu")
    own = minilm_tokenizer()
    chonkie = peer("chonkie").SemanticChunker(
        embedding_model=peer("chonkie.embeddings").SentenceTransformerEmbeddings(model),
        threshold=0.7,
        chunk_size=SIZE,
    )
    llama = peer("llama_index.core.node_parser").SemanticSplitterNodeParser(
        embed_model=llama_embedding(model), buffer_size=1, breakpoint_percentile_threshold=95
    )
    document = peer("llama_index.core").Document
    tasks: dict[str, Task] = {
        "rlc": lambda batch: [SemanticChunker(encoder, SIZE, tokenizer=own).spans(text) for text in batch],
        "rlc, exact windows": lambda batch: [
            SemanticChunker(encoder, SIZE, tokenizer=own, exact=True).spans(text) for text in batch
        ],
        "chonkie SemanticChunker": lambda batch: [chonkie.chunk(text) for text in batch],
        "llama-index SemanticSplitterNodeParser": lambda batch: [
            llama.get_nodes_from_documents([document(text=text)]) for text in batch
        ],
    }
    say(f"semantic chunks, 24 kB a round, encoder in {encoder.dtype}")
    speeds = race(tasks, slices(texts, 24_000, rounds), *list(tasks)[2:])
    return {"dtype": encoder.dtype, **speeds, "cuts_of_means_against_windows": agreement(texts, encoder)}


def agreement(texts: Sequence[str], encoder: Encoder) -> Figures:
    """How far the cuts of sentence means and of exact windows agree: F1, one sentence off allowed."""
    hits = [0, 0, 0, 0]
    for text in texts[::8]:
        part = text[len(text) // 2 :][:30_000]
        starts = [start for start, _ in split_sentences(part)]
        pair = [
            [starts.index(span.start) for span in chunker.spans(part)[1:]]
            for chunker in (SemanticChunker(encoder, 10**6, exact=exact) for exact in (False, True))
        ]
        for side, (found, wanted) in enumerate((pair, pair[::-1])):
            hits[side] += sum(any(abs(a - b) <= 1 for b in wanted) for a in found)
            hits[side + 2] += len(found)
    precision, recall = hits[0] / hits[2], hits[1] / hits[3]
    f1 = 2 * precision * recall / (precision + recall)
    say(f"  cuts of sentence means against exact windows: F1 {f1:.3f} ({hits[2]} and {hits[3]} cuts)")
    return {"f1": f1, "cuts": hits[2], "cuts_of_windows": hits[3]}


def llama_embedding(model: Any) -> Any:  # noqa: ANN401 - a class made from a peer's
    """The same model in llama-index's clothes, called with its batches of ten."""
    base = peer("llama_index.core.embeddings").BaseEmbedding

    class Embedding(base):  # type: ignore[misc, valid-type]
        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return [vector.tolist() for vector in model.encode(texts)]

        _get_query_embedding = _get_text_embedding

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

    return Embedding()


def late(texts: Sequence[str], rounds: int) -> Figures:
    """Late chunking against plain embedding of the very same windows."""
    from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder

    encoder = SentenceEncoder("minilm", device="cpu")
    room = encoder.window - 2

    def plain(batch: Round) -> list[Any]:
        vectors = []
        for text in batch:
            cut, begin = last_separator(text, [r"\s+"]), first_word(text)
            spans = windows(Ruler(text, encoder.tokenizer), room, 128, cut, begin, least=room * 3 // 4)
            vectors.append(encoder.encode_documents([text[s.start : s.end] for s in spans]))
        return vectors

    def task(size: int) -> Task:
        inner = SentenceChunker(size, tokenizer=encoder.tokenizer)
        return lambda batch: [LateChunker(encoder, inner).spans(text) for text in batch]

    say(f"late chunking, 60 kB a round, encoder in {encoder.dtype}")
    tasks = {
        "plain embedding of the windows": plain,
        "late, 128 tokens": task(128),
        "late, 512 tokens": task(512),
    }
    speeds = race(tasks, slices(texts, 60_000, rounds), "plain embedding of the windows")
    return {"dtype": encoder.dtype, **speeds}


def some(texts: Sequence[str], megabytes: float, shift: int) -> Iterator[str]:
    """Whole texts up to a size, beginning elsewhere for every `shift`."""
    left = megabytes * 1e6
    for i in range(len(texts)):
        text = texts[(i + shift * len(texts) // 5) % len(texts)]
        if left <= 0:
            return
        left -= len(text)
        yield text


def minilm_tokenizer() -> FastTokenizer:
    """A new tokenizer, so that nothing is remembered."""
    from tokenizers import Tokenizer

    from rlc.data.weights import resolve

    return FastTokenizer("minilm", Tokenizer.from_file(str(Path(resolve("minilm")) / "tokenizer.json")))


TOPICS = {
    "sentences": sentences,
    "exactness": exactness,
    "tokens": tokens,
    "semantic": semantic,
    "late": late,
}


def main() -> None:
    """Run the topics."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=", ".join(TOPICS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="JSON file that keeps the figures, a section a topic")
    arguments = parser.parse_args()
    topics = arguments.topics or list(TOPICS)
    if strange := set(topics) - set(TOPICS):
        parser.error(f"no topic {min(strange)!r}: {', '.join(TOPICS)}")
    if {"semantic", "late"} & set(topics):
        import torch

        torch.set_num_threads(1)
    files = sorted(path for path in (arguments.data / "datasets").glob("*/*/*") if path.is_file())
    texts = {path: path.read_bytes().decode() for path in files}
    for topic in topics:
        filings = [text for path, text in texts.items() if path.parent.name == "financial"]
        given = filings if topic == "sentences" else list(texts.values())
        figures = TOPICS[topic](given, arguments.rounds)
        if arguments.out:
            BenchRecord(arguments.out, PEERS).add(topic, figures)


if __name__ == "__main__":
    main()
