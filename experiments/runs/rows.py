"""Rows on their way into a results table: on disk while a run goes on, and what is seen of them meanwhile."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import polars as pl

from rlc.data.errors import DataError, StoreError
from rlc.experiments.runs.results import to_frame

SO_FAR = "rows.sqlite"  # the rows of a run that goes on
BLOCK = 1_000  # rows that become a frame together


class Before(Protocol):
    """Rows that stand already, such as `rlc.experiments.runs.rows_before.RowsBefore`."""

    def frames(self, reader: str) -> Iterator[pl.DataFrame]:
        """A reader's rows in the order of their examples, some at a time."""
        ...


class Rows:
    """Rows on their way into a table, in any order, on disk: memory does not grow with the answers.

    They lie in a temporary file of SQLite's, which has no name and ends with the process, however that ends; or in `file`,
    where other processes see them (`rows_so_far`) until the end of the context. `before` are others that stand already,
    and come into the table too. The file begins `afresh`, or goes on where a run was broken off.
    """

    def __init__(
        self, file: Path | None = None, before: Before | None = None, *, afresh: bool = True
    ) -> None:
        self._file = file
        self._before = before
        if file and afresh:
            remove_rows(file)
        self._waiting = sqlite3.connect(file or "", check_same_thread=False)
        self._waiting.execute(f"PRAGMA journal_mode={'WAL' if file else 'OFF'}")
        self._waiting.execute("PRAGMA synchronous=OFF")
        self._waiting.execute(
            "CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, reader TEXT, example TEXT, row TEXT)"
        )
        self._waiting.execute("CREATE INDEX IF NOT EXISTS places ON rows (reader, example)")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the file away, unless an error ends the run: those who watch still see what there is."""
        self._waiting.close()
        if kind is None and self._file:
            remove_rows(self._file)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take rows, and keep them on disk.

        Raises:
            StoreError: where the disk of temporary files is full.
        """
        try:
            with self._waiting:
                self._waiting.executemany(
                    "INSERT INTO rows (reader, example, row) VALUES (?, ?, ?)",
                    ((one["reader"], one["example_id"], json.dumps(one)) for one in rows),
                )
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot hold rows in a temporary file: {error}; free some space, or name another folder as TMPDIR"
            ) from error

    def show(self, readers: Iterable[str]) -> None:
        """Put these readers' rows of before where the others are, for those who watch."""
        if self._before:
            for name in readers:
                for frame in self._before.frames(name):
                    self.add(frame.iter_rows(named=True))
            self._before = None

    def examples(self, reader: str) -> set[str]:
        """The ids of the examples of which there is a row of a reader."""
        return {
            name for (name,) in self._waiting.execute("SELECT example FROM rows WHERE reader = ?", (reader,))
        }

    def frames(self, readers: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All rows, sorted by reader (as given) and example, some at a time."""
        yield to_frame([])
        for name in readers:
            after = ""
            for old in self._before.frames(name) if self._before else ():
                last = old["example_id"][-1]
                between = list(self._between(name, after, last))
                yield pl.concat([old, *between]).sort("example_id", maintain_order=True) if between else old
                after = last
            yield from self._between(name, after)

    def _between(self, reader: str, after: str, last: str | None = None) -> Iterator[pl.DataFrame]:
        """A reader's rows of the examples behind one, up to another, or of all behind it."""
        found = self._waiting.execute(
            "SELECT row FROM rows WHERE reader = ?1 AND example > ?2 AND (?3 IS NULL OR example <= ?3) "
            "ORDER BY example, number",
            (reader, after, last),
        )
        while some := found.fetchmany(BLOCK):
            yield to_frame([json.loads(one) for (one,) in some])

    def frame(self, readers: Sequence[str]) -> pl.DataFrame:
        """The rows all at once, as a frame."""
        return pl.concat(self.frames(readers))


def remove_rows(file: Path) -> None:
    """Take the rows of a run that was killed away, if there are any."""
    for ending in ("", "-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def rows_so_far(folder: Path, after: int = 0) -> tuple[int, pl.DataFrame]:
    """The rows of a run that goes on, or was killed, behind the first `after` of them, and how many there are.

    Raises:
        DataError: if they cannot be read.
    """
    file = folder / SO_FAR
    if not file.is_file():
        return after, to_frame([])
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            found = opened.execute(
                "SELECT number, row FROM rows WHERE number > ? ORDER BY number", (after,)
            ).fetchall()
        return max((number for number, _ in found), default=after), to_frame(
            [json.loads(row) for _, row in found]
        )
    except (sqlite3.Error, ValueError, pl.exceptions.PolarsError) as error:
        if "no such table" in str(error):  # its writer has just begun
            return after, to_frame([])
        raise DataError(f"{file} cannot be read: {error}") from error
