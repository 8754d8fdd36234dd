"""Answers kept by content: what has been answered once is never asked again.

One SQLite file holds them (transactions make every write whole or absent, also under kill -9, and several processes
may read and write at once). The key is a fingerprint of everything that changes the answer: the reader's spec, the
revisions of its models, the document, the question. Failed answers are not kept, so the next run tries them again,
but for those that no other try can mend.

SQLite has no checksums, so every answer is stored behind a digest of its key and itself: `0123456789abcdef {"text": ...}`.
Answers that were stored before digests begin with the brace and are taken as they are.
"""

import dataclasses
import hashlib
import json
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rlc.data.errors import DataError, StoreError
from rlc.data.purse import Purse
from rlc.data.records import Answer, Evidence, Step, Usage

SCHEMA = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
ALL = "SELECT key, answer FROM answers ORDER BY key"
LONGEST_WAIT = 60.0  # seconds to wait for another writer
LARGEST_QUERY = 500  # SQLite bounds the number of parameters

# What another form of a stored text ends in.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)

Record = TypeVar("Record", Answer, Usage, Evidence, Step)
FIELDS = {
    kind: {field.name for field in dataclasses.fields(kind)} for kind in (Answer, Usage, Evidence, Step)
}


class AnswerStore(Protocol):
    """What keeps answers by key: a folder's file, or a lane's view of it (`rlc.data.lanes`)."""

    @property
    def purse(self) -> Purse | None:
        """What answers are paid from; None where nobody counts."""
        ...

    @property
    def renewed(self) -> Set[str]:
        """The keys whose answers are void until they are put again, as far as this store knows."""
        ...

    @property
    def unreadable(self) -> Set[str]:
        """The keys whose answers are there and cannot be read."""
        ...

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key."""
        ...

    def seals(self, keys: Sequence[str]) -> dict[str, str]:
        """The seals of the answers that are there and can be read, by key."""
        ...

    def put(self, answers: Mapping[str, Answer]) -> dict[str, str]:
        """Keep them, all or none, and return their seals; a key that is there already is replaced."""
        ...


class Store:
    """A folder's answers, in `answers.sqlite`. Threads may share one.

    An answer that cannot be read counts as missing, and its key is in `unreadable`. Where the file itself is damaged,
    it is moved aside, and a new one begins with every answer that could be saved.

    Raises:
        StoreError: where the file cannot be made, read or written (a read-only folder, a full disk, another file).
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "answers.sqlite"
        self.purse: Purse | None = None
        self.unreadable: set[str] = set()
        self._renewed: set[str] = set()
        self._alone = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                self._salvage(error)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the store {self.file}: {error}; give a writable folder with --out, or move the file away "
                "if it is no store"
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        _keep_log(connection)
        with connection:
            connection.execute(SCHEMA)
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=LONGEST_WAIT, check_same_thread=False)
        # A damaged text is no reason to give up the others.
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        return connection

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key."""
        answers: dict[str, Answer] = {}
        with self._alone:
            rows = list(self._rows(keys))
        for key, stored in rows:
            try:
                answers[key] = unseal(key, stored)
            except UNREADABLE:
                self.unreadable.add(key)
        return answers

    def seals(self, keys: Sequence[str]) -> dict[str, str]:
        """The seals of the answers that can be read, by key; those that have one are held to it, not read."""
        found: dict[str, str] = {}
        with self._alone:
            for key, stored in self._rows(keys):
                try:
                    found[key] = (
                        unseal(key, stored).seal if stored.startswith("{") else _opened(key, stored)[0]
                    )
                except UNREADABLE:
                    self.unreadable.add(key)
        return found

    def _rows(self, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
        wanted = [key for key in keys if key not in self._renewed]
        for start in range(0, len(wanted), LARGEST_QUERY):
            part = wanted[start : start + LARGEST_QUERY]
            try:
                yield from self._select(part)
            except sqlite3.DatabaseError as error:
                try:
                    self._salvage(error)
                except sqlite3.Error:
                    raise StoreError(
                        f"{self._refused('read', error)}; move the file away to begin a new one"
                    ) from error
                yield from self._select(part)

    def _select(self, keys: Sequence[str]) -> list[tuple[str, str]]:
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, answer FROM answers WHERE key IN ({marks})"  # noqa: S608 - only question marks
        return self._connection.execute(query, keys).fetchall()

    def put(self, answers: Mapping[str, Answer]) -> dict[str, str]:
        """Keep them, all or none, and return their seals; a key that is there already is replaced.

        Raises:
            DataError: if the details of one are not plain data.
            StoreError: if they cannot be written.
        """
        rows = {key: seal(key, answer) for key, answer in answers.items()}
        self.write(rows)
        return {key: seal_of(row) for key, row in rows.items()}

    def write(self, rows: Mapping[str, str]) -> None:
        """Keep sealed answers by key, all or none.

        Raises:
            StoreError: if they cannot be written.
        """
        with self._alone:
            try:
                try:
                    self._insert(rows)
                except sqlite3.DatabaseError as error:
                    self._salvage(error)
                    self._insert(rows)
            except sqlite3.Error as error:
                raise StoreError(
                    f"{self._refused('write to', error)}; what was stored before is safe: free some space or the folder, "
                    "then run the same command again"
                ) from error
            self._renewed.difference_update(rows)
            self.unreadable.difference_update(rows)

    def _insert(self, rows: Mapping[str, str]) -> None:
        """Write the rows, or none where one cannot be read again: a damaged page may take a row and not give it back."""
        keys = list(rows)
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows.items())
            parts = (keys[start : start + LARGEST_QUERY] for start in range(0, len(keys), LARGEST_QUERY))
            if sum(len(self._select(part)) for part in parts) < len(keys):
                damage = sqlite3.DatabaseError("what was written cannot be read")
                damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damage

    def renew(self, keys: Sequence[str]) -> None:
        """Count these answers as missing, for this store object, until they are put again; the file keeps them till then."""
        self._renewed.update(keys)

    @property
    def renewed(self) -> frozenset[str]:
        """The keys that `renew` named and that have not been put since."""
        return frozenset(self._renewed)

    def _salvage(self, error: sqlite3.DatabaseError) -> None:
        """Move a damaged file aside and begin a new one with the answers that can be read from its two ends.

        Raises:
            sqlite3.DatabaseError: the error itself, where it tells of something else than damage.
            StoreError: if the new file cannot be made; the damaged one is where it was, or beside it.
        """
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:  # the low byte is the kind
            raise error
        rows = self._readable()
        aside = self.file.with_name(f"answers.damaged-{time.time_ns()}.sqlite")
        part = self.file.with_name("answers.part.sqlite")
        try:
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(part)) as fresh, fresh:
                fresh.execute(SCHEMA)
                fresh.executemany("INSERT INTO answers VALUES (?, ?)", rows.items())
            for ending in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    self.file.with_name(self.file.name + ending).rename(aside.with_name(aside.name + ending))
            part.rename(self.file)
            self._connection = self._open()
        except (OSError, sqlite3.Error) as failure:
            raise StoreError(self._refused("save", failure)) from error
        warnings.warn(
            f"the store {self.file} was damaged ({error}): {len(rows)} answers were saved, the others are asked again; "
            f"the damaged file is {aside}",
            stacklevel=2,
        )

    def _readable(self) -> dict[str, str]:
        rows: dict[str, str] = {}
        with closing(self._connect()) as damaged:
            damaged.execute("PRAGMA writable_schema=ON")  # else a file that was cut short is not read at all
            for order in ("", " DESC"):
                with suppress(sqlite3.DatabaseError):
                    for key, stored in damaged.execute(ALL + order):
                        with suppress(*UNREADABLE):
                            unseal(key, stored)
                            rows[key] = stored
        return rows

    def _refused(self, doing: str, error: Exception) -> str:
        return f"cannot {doing} the store {self.file}: {error}"

    def __len__(self) -> int:
        """The number of answers."""
        return int(self._connection.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
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


def seal(key: str, answer: Answer) -> str:
    """An answer as JSON behind its seal, a digest of its key and itself.

    The JSON is ASCII: a model may write half a character, which SQLite does not take.

    Raises:
        DataError: if its details are not plain data.
    """
    try:
        fields = dataclasses.asdict(answer)
        del fields["seal"]
        text = json.dumps(fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"cannot keep an answer: its details must be plain data, as JSON has it: {error}"
        ) from error
    return f"{_digest(key, text)} {text}"


def unseal(key: str, stored: str) -> Answer:
    """Read a sealed answer back. Fields that this version does not know are left out, missing ones take their defaults.

    Raises:
        ValueError: if the digest is another, or the text is no JSON; one of `UNREADABLE` if it is no answer.
    """
    own_seal, text = ("", stored) if stored.startswith("{") else _opened(key, stored)
    fields = json.loads(text)
    own = {"text": fields["text"], "steps": tuple(map(step_of, fields.get("steps", ()))), "seal": own_seal}
    return _record(Answer, {"route": "", **fields, **_costs(fields), **own})


def seal_of(stored: str) -> str:
    """The seal of a sealed answer."""
    return stored.partition(" ")[0]


def _opened(key: str, stored: str) -> tuple[str, str]:
    """The seal and the text behind it, if they belong together."""
    digest, _, text = stored.partition(" ")
    if digest != _digest(key, text):
        raise ValueError(f"the answer {key} is not as it was written")
    return digest, text


def step_of(fields: Mapping[str, Any]) -> Step:
    """The step of an answer that plain data tells of; fields that this version does not know are left out."""
    return _record(Step, {**fields, **_costs(fields)})


def _costs(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The usage and the evidence of an answer or a step, as records."""
    usage = fields.get("usage", {})
    # Answers that were stored before a time could be unknown have 0 there.
    usage = _record(Usage, {**usage, "first_token_seconds": usage.get("first_token_seconds") or None})
    return {"usage": usage, "evidence": tuple(_evidence(item) for item in fields.get("evidence", ()))}


def _digest(key: str, text: str) -> str:
    return hashlib.blake2b(f"{key}\n{text}".encode(), digest_size=8).hexdigest()


def _record(kind: type[Record], fields: Mapping[str, Any]) -> Record:
    known = FIELDS[kind]
    return kind(**{name: value for name, value in fields.items() if name in known})


def _evidence(item: Mapping[str, Any]) -> Evidence:
    """JSON knows no tuples, and answers that were stored before passages or pages were have none."""
    pairs = {name: item.get(name) and tuple(item[name]) for name in ("passage", "pages")}
    return _record(Evidence, {**item, **pairs})
