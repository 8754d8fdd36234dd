"""Cache of vectors in SQLite, keyed by encoder and text."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from rlc.data.errors import StoreError
from rlc.data.protocols import Encoder, Floats, TokenEmbeddings
from rlc.data.weights import cache_folder

SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
LONGEST_WAIT = 60.0  # seconds to wait for another writer
LARGEST_QUERY = 500  # SQLite bounds the number of parameters
DIGEST = 8  # bytes behind a vector
BLOCK = 2048  # texts embedded before their vectors are written: what a kill may lose


class CachedEncoder:
    """Another encoder with a memory on disk.

    The key is a digest of the text, its role (query or document) and the encoder's name, which identifies model,
    revision and settings. One SQLite file serves several processes at once. Behind every vector stands a digest of its
    key and itself: one that is not as it was written is embedded again, with those that are asked for beside it. Token
    embeddings are passed through: they are hundreds of times as large.

    Attributes:
        embedded: how many texts were not in the file, so far.
    """

    VERSION: ClassVar[int] = 1

    def __init__(self, encoder: Encoder, *, file: Path | str | None = None) -> None:
        self._encoder = encoder
        self.file = Path(file) if file else cache_folder() / "vectors.sqlite"
        self.name, self.window, self.pooling = encoder.name, encoder.window, encoder.pooling
        self.dimension, self.tokenizer = encoder.dimension, encoder.tokenizer
        self.embedded = 0
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(SCHEMA)

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension]."""
        return self._recall("document", texts, self._encoder.encode_documents)

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [texts, dimension], with the query prompt."""
        return self._recall("query", texts, self._encoder.encode_queries)

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """Token states, computed anew."""
        return self._encoder.encode_tokens(texts)

    def _recall(self, role: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Floats]) -> Floats:
        keys = [self._key(role, text) for text in texts]
        with self._open() as connection:
            found, damaged = read(connection, list(dict.fromkeys(keys)))
        if damaged:  # its neighbours lie on the same page: all that is asked for is embedded again
            found = {}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        for start in range(0, len(missing), BLOCK):
            block = list(missing)[start : start + BLOCK]
            fresh = dict(zip(block, encode([missing[key] for key in block]), strict=True))
            with self._open() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(key, seal(key, vector)) for key, vector in fresh.items()],
                )
            found |= fresh
        self.embedded += len(missing)
        if wrong := [vector.size for vector in found.values() if vector.size != self.dimension]:
            raise StoreError(
                f"{self.file} holds a vector of {wrong[0]} numbers, expected {self.dimension}: delete the file"
            )
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, self.dimension), np.float32)

    def _key(self, role: str, text: str) -> bytes:
        # Lengths keep the parts apart: no two different triples give the same bytes.
        parts = (self.name.encode(), role.encode(), text.encode())
        whole = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hashlib.blake2b(whole, digest_size=16).digest()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for every use, so that threads and forks may share the encoder."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=LONGEST_WAIT)) as connection, connection:
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot use the vector cache {self.file}: {error}; delete it, or name another file"
            ) from error


def read(connection: sqlite3.Connection, keys: Sequence[bytes]) -> tuple[dict[bytes, Floats], int]:
    """The vectors that are there as they were written, by key, and the number of those that are not as they were."""
    found: dict[bytes, Floats] = {}
    damaged = 0
    for start in range(0, len(keys), LARGEST_QUERY):
        part = keys[start : start + LARGEST_QUERY]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 - only question marks
        for key, sealed in connection.execute(query, part):
            vector = unseal(key, sealed)
            if vector is None:
                damaged += 1
            else:
                found[key] = vector
    return found, damaged


def seal(key: bytes, vector: Floats) -> bytes:
    """The bytes of a float32 vector, and a digest of its key and them."""
    values = vector.tobytes()
    return values + _digest(key, values)


def unseal(key: bytes, sealed: object) -> Floats | None:
    """The vector back; None where it is not as it was written."""
    if not isinstance(sealed, bytes):
        return None
    values, digest = sealed[:-DIGEST], sealed[-DIGEST:]
    return np.frombuffer(values, np.float32) if digest == _digest(key, values) else None


def _digest(key: bytes, values: bytes) -> bytes:
    return hashlib.blake2b(values, digest_size=DIGEST, key=key).digest()
