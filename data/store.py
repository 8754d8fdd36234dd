"""Answers kept by content: what has been answered once is never asked again.

One SQLite file holds them (transactions make every write whole or absent, also under kill -9, and several processes
may read and write at once). The key is a fingerprint of everything that changes the answer: the reader's spec, the
revisions of its models, the document, the question. Failed answers are not kept, so the next run tries them again.
"""

import dataclasses
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlc.data.errors import StoreError
from rlc.data.records import Answer, Evidence, Usage

SCHEMA = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
LONGEST_WAIT = 60.0  # seconds to wait for another writer
LARGEST_QUERY = 500  # SQLite bounds the number of parameters


class Store:
    """A folder's answers, in `answers.sqlite`.

    Raises:
        StoreError: where the file cannot be made, read or written (a read-only folder, a full disk, another file).
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "answers.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.file, timeout=LONGEST_WAIT, check_same_thread=False)
            _keep_log(self._connection)
            with self._connection:
                self._connection.execute(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the store {self.file}: {error}; give a writable folder with --out"
            ) from error

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key."""
        try:
            return {key: decode(text) for key, text in self._select("key, answer", keys)}
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(self._unreadable(error)) from error

    def present(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer."""
        return {key for (key,) in self._select("key", keys)}

    def _select(self, columns: str, keys: Sequence[str]) -> Iterator[tuple[str, ...]]:
        try:
            for start in range(0, len(keys), LARGEST_QUERY):
                part = keys[start : start + LARGEST_QUERY]
                marks = ",".join("?" * len(part))
                query = f"SELECT {columns} FROM answers WHERE key IN ({marks})"  # noqa: S608 - columns are our own
                yield from self._connection.execute(query, part)
        except sqlite3.Error as error:
            raise StoreError(self._unreadable(error)) from error

    def _unreadable(self, error: Exception) -> str:
        return f"cannot read the store {self.file}: {error}; move the file away to begin a new one"

    def put(self, answers: Mapping[str, Answer]) -> None:
        """Keep them, all or none; a key that is there already is replaced.

        Raises:
            StoreError: if they cannot be written, or the details of one are not plain data.
        """
        try:
            rows = [(key, encode(answer)) for key, answer in answers.items()]
        except TypeError as error:
            raise StoreError(
                f"cannot keep an answer: its details must be plain data, as JSON has it: {error}"
            ) from error
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot write to the store {self.file}: {error}; what was stored before is safe: "
                "free some space or the folder, then run the same command again"
            ) from error

    def forget(self, keys: Sequence[str]) -> None:
        """Drop these answers, so that they are asked for again."""
        try:
            with self._connection:
                self._connection.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key in keys])
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot write to the store {self.file}: {error}; free some space or the folder, then run the same "
                "command again"
            ) from error

    def __len__(self) -> int:
        """The number of answers."""
        return int(self._connection.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _keep_log(connection: sqlite3.Connection) -> None:
    """Write ahead to a log: a write costs no wait for the disk, and a killed process loses nothing that it stored.

    Only a power cut may lose the last batches. SQLite does not wait by itself while another process makes the same
    switch, so we do.
    """
    end = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=NORMAL")


def encode(answer: Answer) -> str:
    """An answer as JSON, in ASCII: a model may write half a character, which SQLite does not take."""
    return json.dumps(dataclasses.asdict(answer))


def decode(text: str) -> Answer:
    """The answer back."""
    fields = json.loads(text)
    fields["usage"] = Usage(**fields["usage"])
    fields["evidence"] = tuple(map(_evidence, fields["evidence"]))
    return Answer(**fields)


def _evidence(item: dict[str, Any]) -> Evidence:
    """JSON knows no tuples, and answers that were stored before passages were have none."""
    passage = item.get("passage")
    return Evidence(**{**item, "passage": passage and tuple(passage)})
