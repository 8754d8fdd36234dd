"""Every kind of file that is kept, and damage to it: what is read then is told, harmless or made again, never another."""

import os
import random
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from rlc.data.errors import RlcError
from rlc.data.records import Answer, Document, Evidence, Usage
from rlc.data.store import Store
from rlc.data.weights import cache_folder, resolve
from rlc.experiments.runs.stored import open_run
from rlc.retrievers.base import Retriever
from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.dense import DenseRetriever
from rlc.retrievers.encoders.cached import CachedEncoder

PAGE = 4096
Kept = tuple[Path, Callable[[], bool]]
"""A file, and whether what is read of it is what was written."""


class Letters:
    """An encoder whose vectors are functions of the text alone."""

    name, window, pooling, dimension, tokenizer = "letters", 512, "mean", 64, None

    def encode_documents(self, texts: list[str]) -> np.ndarray:
        """Unit vectors."""
        rows = [np.random.default_rng(int.from_bytes(text.encode())).standard_normal(64) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32)

    encode_queries = encode_documents

    def encode_tokens(self, texts: list[str]) -> None:
        """Nobody asks for them."""
        raise NotImplementedError


def store(place: Path) -> Iterator[Kept]:
    """Stored answers: one that is gone is asked again."""
    answers = {
        f"key{i}": Answer(f"{i} lamps " * 20, "rag", (Evidence("d", i, i + 9),), Usage(i)) for i in range(200)
    }
    kept = Store(place)
    kept.put(answers)
    kept.close()
    sqlite3.connect(kept.file).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    yield (
        kept.file,
        lambda: all(answers[key] == answer for key, answer in Store(place).get(list(answers)).items()),
    )


def vectors(place: Path) -> Iterator[Kept]:
    """Cached vectors: one that is gone is computed again."""
    texts, file = [f"text {i}" for i in range(200)], place / "vectors.sqlite"
    made = CachedEncoder(Letters(), file=file).encode_documents(texts)
    yield (
        file,
        lambda: bool(np.array_equal(CachedEncoder(Letters(), file=file).encode_documents(texts), made)),
    )


def indexes(place: Path) -> Iterator[Kept]:
    """Saved indexes, of words and of vectors."""
    documents = [Document(id=str(i), page_content=f"lamp {i} of {i % 7} harbours") for i in range(300)]
    words = BM25Retriever.from_documents(documents, k=9)
    meanings = DenseRetriever.from_documents(documents, encoder=Letters(), k=9)
    opened: list[tuple[str, Retriever, Callable[[Path], Retriever]]] = [
        ("bm25", words, lambda folder: BM25Retriever.open(folder, k=9)),
        ("dense", meanings, lambda folder: DenseRetriever.open(folder, encoder=Letters(), k=9)),
    ]
    query = ["lamp of 5 harbours"]
    for name, made, again in opened:
        made.save(place / name)
        same = partial(
            lambda made, again, folder: again(folder).search(query) == made.search(query), made, again
        )
        yield from ((file, partial(same, place / name)) for file in _files(place / name))


def weights(place: Path) -> Iterator[Kept]:
    """Fetched weights, where this machine has any: no change of theirs is harmless."""
    fetched = cache_folder() / "models" / "minilm"
    if not fetched.is_dir():
        return
    shutil.copytree(fetched, place / "models" / "minilm")

    def same() -> bool:
        with patch.dict(os.environ, RLC_CACHE=str(place)):
            resolve("minilm")
        return False

    yield from ((file, same) for file in _files(place / "models"))


def run(folder: Path) -> Iterator[Kept]:
    """The files of a run."""
    whole = open_run(str(folder), folder)

    def same() -> bool:
        again = open_run(str(folder), folder)
        return again.frame.equals(whole.frame) and (again.specs, again.provenance) == (
            whole.specs,
            whole.provenance,
        )

    for name in ("results.parquet", "recipe.json", "provenance.json", "digests.json"):
        yield folder / name, same


def spoiled(draw: random.Random, whole: bytes) -> bytes:
    """The bytes cut short, with a page of zeros, or with a bit flipped."""
    raw, kind, at = bytearray(whole), draw.random(), draw.randrange(len(whole))
    if kind < 0.2:
        del raw[at:]
    elif kind < 0.4:
        page = slice(at // PAGE * PAGE, min(len(raw), at // PAGE * PAGE + PAGE))
        raw[page] = bytes(page.stop - page.start)
    else:
        raw[at] ^= 1 << draw.randrange(8)
    return bytes(raw)


def damage(draw: random.Random, kept: Kept, times: int) -> Counter[str]:
    """Spoil a file so many times, and look."""
    (file, same), found = kept, Counter[str]()
    whole = file.read_bytes()
    for _ in range(times):
        raw = spoiled(draw, whole)
        if raw == whole:  # the page was empty
            continue
        for beside in file.parent.glob(f"{file.name}-*"):
            beside.unlink()
        file.write_bytes(raw)
        found["tried"] += 1
        try:
            found["silent"] += not same()
        except RlcError:  # told
            continue
        except Exception as error:  # noqa: BLE001 - what the torture is for
            found["crashed"] += 1
            sys.stderr.write(f"{file.name}: {type(error).__name__}: {str(error)[:200]}\n")
    file.write_bytes(whole)
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size)
