"""Cache of vectors in SQLite, keyed by encoder and text."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from rlc.data.errors import StoreError
from rlc.data.protocols import Encoder, Floats
from rlc.data.weights import cache_folder
from rlc.retrievers.encoders.support.remembered import RememberedEncoder

SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
LONGEST_WAIT = 60.0  # seconds to wait for another writer
LARGEST_QUERY = 500  # SQLite bounds the number of parameters
DIGEST = 8  # bytes behind a vector
BLOCK = 2048  # texts embedded before their vectors are written: what a kill may lose


class CachedEncoder(RememberedEncoder):
    """Another encoder with a memory on disk.

    The key is a digest of the text, its role (query or document) and the encoder's name, which identifies model,
    revision and settings. One SQLite file serves several processes at once. Token embeddings are passed through.
    """

    VERSION: ClassVar[int] = 1

    def __init__(self, encoder: Encoder, *, file: Path | str | None = None) -> None:
        self._vectors = VectorFile(
            Path(file) if file else cache_folder() / "vectors.sqlite", encoder.dimension
        )
        super().__init__(encoder, self._vectors, encoder.name)

    @property
    def file(self) -> Path:
        """Where the vectors lie."""
        return self._vectors.file

    @property
    def embedded(self) -> int:
        """How many texts were not in the file, so far."""
        return self._vectors.made


class VectorFile:
    """A memory of vectors in a SQLite file.

    Behind every vector stands a digest of its key and itself: one that is not as it was written is made again, with those
    that are asked for beside it.

    Attributes:
        made: how many vectors were not there, so far.
    """

    def __init__(self, file: Path, dimension: int) -> None:
        self.file, self.made = file, 0
        self._dimension = dimension
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(SCHEMA)

    def recall_all(
        self,
        stage: str,  # noqa: ARG002 - a file holds vectors alone
        wanted: Mapping[bytes, str],
        make: Callable[[list[str]], Sequence[Floats]],
    ) -> dict[bytes, Floats]:
        """Vectors by key; what `make` makes of the missing texts is written block by block.

        Raises:
            StoreError: if the file cannot be used, or holds vectors of another size.
        """
        with self._open() as connection:
            found, damaged = read(connection, list(wanted))
        if damaged:  # its neighbours lie on the same page: all that is asked for is made again
            found = {}
        missing = [key for key in wanted if key not in found]
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            fresh = dict(zip(block, make([wanted[key] for key in block]), strict=True))
            with self._open() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(key, seal(key, vector)) for key, vector in fresh.items()],
                )
            found |= fresh
        self.made += len(missing)
        if wrong := [vector.size for vector in found.values() if vector.size != self._dimension]:
            raise StoreError(
                f"{self.file} holds a vector of {wrong[0]} numbers, expected {self._dimension}: delete the file"
            )
        return found

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
