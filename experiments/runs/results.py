"""The results table: one row per reader and example, always; its columns and its file."""

import io
import json
import mmap
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from itertools import chain
from numbers import Integral, Real
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import polars as pl
from polars.io.plugins import register_io_source

from rlc.data.errors import DataError, StoreError
from rlc.data.records import Answer, Evidence, Example, Step, Usage, pages_of
from rlc.data.store import FIELDS, step_of
from rlc.data.text.escape import shorten
from rlc.experiments.runs.kept import MEND, digest, replaced
from rlc.experiments.runs.made_of import made_of
from rlc.experiments.scorers.base import Score

RESULTS = "results.parquet"
SO_FAR = "rows.sqlite"  # the rows of a run that goes on

EVIDENCE = pl.List(
    pl.Struct(
        {
            "document_id": pl.String,
            "start": pl.Int64,
            "end": pl.Int64,
            "score": pl.Float64,
            "passage": pl.List(pl.Int64),
            "pages": pl.List(pl.Int64),
        }
    )
)

# column: (type, meaning)
COLUMNS: dict[str, tuple[Any, str]] = {
    "reader": (pl.String, "the arm or router, as the recipe names it"),
    "example_id": (pl.String, "the question's id"),
    "document_id": (pl.String, "the document that it is about"),
    "task": (pl.String, "location, reasoning, comp, hallu, or a user's own"),
    "length": (pl.String, "the data set's length group, such as 32k"),
    "type": (pl.String, "the data set's text type, such as book"),
    "question": (pl.String, "the question"),
    "answers": (pl.List(pl.String), "accepted gold answers; empty where there are none"),
    "answerable": (pl.Boolean, "whether the document holds the answer; null where unknown"),
    "prediction": (pl.String, "what the reader answered; empty where it failed"),
    "route": (pl.String, "the arm whose text this is"),
    "correct": (pl.Boolean, "the rules' verdict; null where the answer failed or there is no gold answer"),
    "reason": (pl.String, "the rule that decided the verdict"),
    "measure": (pl.String, "whose figure `value` is: a data set's scorer, rule, or the judge of --judge"),
    "value": (
        pl.Float64,
        "that figure, 0 to 1: what tables average; null where the answer failed or there is no gold",
    ),
    "parts": (pl.String, "what the scorer says beside it, as JSON"),
    "note": (
        pl.String,
        "unparsed where the authors' code finds nothing to score or would crash; what the judge of --judge said, or not "
        "judged and why; else empty",
    ),
    "f1": (pl.Float64, "token F1 against the best gold answer, 0 to 1 (SQuAD normalisation)"),
    "contains": (pl.Boolean, "whether a normalised gold answer stands in the answer"),
    "abstained": (pl.Boolean, "whether the answer says that the text does not tell"),
    "prompt_tokens": (pl.Int64, "tokens that the model was given, by its own tokenizer"),
    "cached_tokens": (pl.Int64, "those of them that were not computed again"),
    "cache_write_tokens": (pl.Int64, "those of them that a provider was paid to keep for later questions"),
    "output_tokens": (pl.Int64, "new tokens"),
    "thought_tokens": (pl.Int64, "those of them that were thought aloud, before the answer"),
    "cut_tokens": (pl.Int64, "tokens of the text that did not fit and were left out"),
    "index_tokens": (pl.Int64, "model tokens spent on preparing the document"),
    "calls": (pl.Int64, "what a language model was asked; 0 where nobody counted"),
    "rounds": (pl.Int64, "how many of the calls had to wait for one another"),
    "kv_bytes": (
        pl.Int64,
        "bytes of the keys and values that the answer was read from; 0 where the engine does not say",
    ),
    "index_seconds": (pl.Float64, "cutting and indexing the document, on its first question"),
    "retrieve_seconds": (pl.Float64, "finding and refining the evidence"),
    "queue_seconds": (pl.Float64, "waiting for the engine"),
    "first_token_seconds": (
        pl.Float64,
        "from the call to the answer's first token, all that came before included; null where nobody timed it",
    ),
    "prefill_seconds": (pl.Float64, "computing the prompt"),
    "decode_seconds": (pl.Float64, "computing the answer"),
    "seconds": (
        pl.Float64,
        "all of it; of prompts answered side by side, this one's share of their time",
    ),
    "latency_seconds": (
        pl.Float64,
        "from the call to the last token, retrieval included; null where that is `seconds`",
    ),
    "finish_reason": (pl.String, "stop, length or error"),
    "prompt_hash": (pl.String, "identifies the exact prompt"),
    "error": (pl.String, "why there is no answer; null where there is one"),
    "evidence": (
        EVIDENCE,
        "text that was read: half-open character spans of the document, the passages that they were pruned from, "
        "and of a PDF the first and the last page (from 1)",
    ),
    "details": (pl.String, "what the strategy kept beside the answer, as JSON"),
    "steps": (pl.String, "what a reader that asks more than once asked, found and was told, as JSON"),
    "metadata": (pl.String, "the example's own metadata, as JSON"),
    "made_of": (
        pl.Int64,
        "a digest of question, gold answers, stored answer and code, by which the same comparison again knows that the row "
        "stands; null where it must be made anew",
    ),
}
SCHEMA = {name: kind for name, (kind, _) in COLUMNS.items()}
ResultRow = Mapping[str, Any]  # a row of the results, by column
LATER: Mapping[str, Any] = {  # columns that older files lack, and what stands there
    "cache_write_tokens": 0,
    "thought_tokens": 0,
    "calls": 0,
    "rounds": 0,
    "kv_bytes": 0,
    "latency_seconds": None,
    "steps": "[]",
    "made_of": None,
}
OF_USAGE = [name for name in SCHEMA if name in FIELDS[Usage]]
LARGEST = 2**63  # what a column of whole numbers can hold
BLOCK = 1_000  # rows that become a frame together
GROUP = 4_000  # rows that a file keeps together, and what is written in one go
MARK, BLANK = (
    b"rlc-blake2b:",
    b"0" * 32,
)  # what stands in the footer: the digest of all bytes with zeros in its place


def row(reader: str, example: Example, answer: Answer, score: Score) -> dict[str, Any]:
    """Make the row of one reader's answer to one example.

    Raises:
        DataError: if a figure of the answer has no place in the table, such as a count that is negative or endless.
    """
    usage = {name: getattr(answer.usage, name) for name in OF_USAGE}
    for name, value in usage.items():
        if value is None and name in ("first_token_seconds", "latency_seconds"):  # nobody timed it
            continue
        _check(name, value, whole=SCHEMA[name] == pl.Int64)
    for piece in answer.evidence:
        for place in (piece.start, piece.end, *(piece.passage or ())):
            _check("a place of the evidence", place, whole=True)
    return {
        "reader": reader,
        "example_id": example.id,
        "document_id": example.document_id,
        "task": example.task,
        "length": _text(example.metadata.get("length")),
        "type": _text(example.metadata.get("type")),
        "question": example.question,
        "answers": list(example.answers),
        "answerable": example.answerable,
        "prediction": whole_characters(answer.text),
        "route": answer.route or reader,
        "correct": score.correct,
        "reason": score.reason,
        "measure": score.measure,
        "value": score.value,
        "parts": json.dumps(dict(score.parts), sort_keys=True) if score.parts else "{}",
        "note": score.note,
        "f1": score.f1,
        "contains": score.contains,
        "abstained": score.abstained,
        **usage,
        "finish_reason": answer.finish_reason,
        "prompt_hash": answer.prompt_hash,
        "error": answer.error and whole_characters(answer.error),
        "evidence": [asdict(_on_pages(piece, example)) for piece in answer.evidence],
        "details": whole_characters(json.dumps(dict(answer.details), sort_keys=True, ensure_ascii=False))
        if answer.details
        else "{}",
        "steps": whole_characters(json.dumps([asdict(step) for step in answer.steps], ensure_ascii=False))
        if answer.steps
        else "[]",
        "metadata": json.dumps(dict(example.metadata), sort_keys=True, ensure_ascii=False, default=str),
        "made_of": made_of(reader, example, score.measure, answer.seal),
    }


def _on_pages(piece: Evidence, example: Example) -> Evidence:
    """The piece with its pages, which readers that choose their own spans leave out."""
    if piece.pages or piece.document_id != example.document_id:
        return piece
    return replace(piece, pages=pages_of(example.document.metadata, piece.start, piece.end))


def _check(name: str, value: object, *, whole: bool) -> None:
    # The plain types stand first: what is of them is not asked for the abstract ones, which takes twenty times as long.
    if (
        not isinstance(value, (int, Integral) if whole else (float, int, Real))
        or not 0 <= float(value) < LARGEST
    ):
        raise DataError(f"{name} must be a number from 0 to 2^63, got {shorten(repr(value), 40)}")


def whole_characters(text: str) -> str:
    """The text with halves of surrogate pairs, which no file can hold, as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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


def _check_digest(raw: bytes | mmap.mmap, file: Path) -> None:
    """Hold a file's bytes to the digest in them; files that were written before digests are taken as they are."""
    at = raw.rfind(MARK) + len(MARK)
    noted = raw[at : at + len(BLANK)]
    with memoryview(raw) as whole, whole[:at] as head, whole[at + len(BLANK) :] as tail:
        if at >= len(MARK) and noted != digest(head, BLANK, tail).encode():
            raise DataError(f"{file} is not as it was written, so it was edited or is damaged; {MEND}")


def scan_results(file: Path) -> pl.LazyFrame:
    """The table of a results file that nobody will replace, to be read some at a time.

    Raises:
        DataError: if it is not as it was written, or lacks columns.
        OSError: if it cannot be read; polars' own errors where it is not parquet.
    """
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        _check_digest(raw, file)
    return _completed(pl.scan_parquet(file), file).select(list(SCHEMA))


def reader_runs(frame: pl.DataFrame) -> list[tuple[str, int, int]]:
    """The readers in their order, each with where rows of its own begin and how many stand together."""
    runs = frame["reader"].rle().struct.unnest()
    starts = runs["len"].cum_sum() - runs["len"]
    return list(zip(runs["value"], starts, runs["len"], strict=True))


def evidence_of(items: Iterable[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """The evidence of a row, as records."""
    pairs = ("passage", "pages")
    return tuple(
        Evidence(**{**item, **{name: item[name] and tuple(item[name]) for name in pairs}}) for item in items
    )


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps of a row, as records."""
    return tuple(map(step_of, json.loads(text or "[]")))


def verdict(value: float | None) -> str:
    """A figure in a word: right, wrong, not judged, or its share of the full mark."""
    if value is None:
        return "not judged"
    return {1.0: "right", 0.0: "wrong"}.get(value, f"{100 * value:.0f}%")


def to_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the documented schema."""
    return pl.DataFrame(rows, schema=SCHEMA)


def write_results(frames: pl.DataFrame | Iterable[pl.DataFrame], file: Path) -> None:
    """Write a table, in one piece or in many, whole or not at all, with a digest of all its bytes in its own footer.

    Raises:
        StoreError: where it cannot be written.
    """
    pieces = iter([frames] if isinstance(frames, pl.DataFrame) else frames)
    first = next(pieces)
    table = register_io_source(lambda *_: chain([first], pieces), schema=first.schema)
    with replaced(file) as draft:
        try:
            table.sink_parquet(draft, metadata={"rlc": (MARK + BLANK).decode()}, row_group_size=GROUP)
        except pl.exceptions.PolarsError as error:  # polars' own words for a full disk
            raise OSError(str(error)) from error
        with draft.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as raw:
            at = raw.rfind(MARK + BLANK) + len(MARK)
            raw[at : at + len(BLANK)] = digest(raw).encode()


def read_results(file: Path, where: pl.Expr | None = None, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Read a results file; of a large one only the rows and columns that are wanted.

    Raises:
        DataError: if it is not there, not as it was written, not parquet, or lacks columns; the message names them.
    """
    with _readable(file):
        table = open_results(file)
        if where is not None:
            table = table.filter(where)
        return table.select(columns or list(SCHEMA)).collect()


def open_results(file: Path) -> pl.LazyFrame:
    """A results file, to be read some at a time: as it is now, though another process may replace it.

    Its bytes are in memory, packed: some 60 a row.

    Raises:
        DataError: if it is not there, not as it was written, not parquet, or lacks columns; the message names them.
    """
    if not file.is_file():
        raise DataError(f"no results at {file}; give a run's folder, such as those that `rlc compare` writes")
    with _readable(file):
        raw = file.read_bytes()  # polars opens a path more than once
        _check_digest(raw, file)
        table = _completed(pl.scan_parquet(io.BytesIO(raw)), file).select(list(SCHEMA))
        return table if MARK in raw else table.collect().lazy()  # damage that no digest tells of shows now


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Tell polars' errors in words of a file's user."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file} is not a results file: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # polars' own crash on damage is no Exception
            raise
        raise DataError(f"{file} is damaged: {error}; {MEND}") from error


def _completed(table: pl.LazyFrame, file: Path) -> pl.LazyFrame:
    """The table with what files of earlier versions do not have."""
    found = table.collect_schema()
    if "correct" in found and "value" not in found:  # written before data sets had measures
        table = table.with_columns(
            value=pl.col("correct").cast(pl.Float64),
            measure=pl.lit("rule"),
            parts=pl.lit("{}"),
            note=pl.lit(""),
        )
    younger = {name: pl.lit(value, SCHEMA[name]) for name, value in LATER.items() if name not in found}
    table = table.with_columns(**younger)
    missing = [name for name in SCHEMA if name not in table.collect_schema()]
    if missing:
        raise DataError(f"{file} lacks the columns {', '.join(missing)}; was it written by another version?")
    if found["evidence"] != EVIDENCE:  # written before passages or pages were
        return table.with_columns(pl.col("evidence").map_elements(list, return_dtype=EVIDENCE))
    return table


def _text(value: object) -> str | None:
    return None if value is None else str(value)
