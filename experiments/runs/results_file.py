"""The file of a results table: written whole or not at all, with a digest, and read some at a time."""

import io
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from rlc.data.errors import DataError
from rlc.experiments.runs.kept import MEND, digest, replaced
from rlc.experiments.runs.results import EVIDENCE, SCHEMA

RESULTS = "results.parquet"
GROUP = 4_000  # rows that a file keeps together, and what is written in one go
# What stands in the footer: the digest of all bytes with zeros in its place.
MARK, BLANK = b"rlc-blake2b:", b"0" * 32
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


def scan_results(file: Path) -> pl.LazyFrame:
    """The table of a results file that nobody will replace, to be read some at a time.

    Raises:
        DataError: if it is not as it was written, or lacks columns.
        OSError: if it cannot be read; polars' own errors where it is not parquet.
    """
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        _check_digest(raw, file)
    return _completed(pl.scan_parquet(file), file).select(list(SCHEMA))


def _check_digest(raw: bytes | mmap.mmap, file: Path) -> None:
    """Hold a file's bytes to the digest in them; files that were written before digests are taken as they are."""
    at = raw.rfind(MARK) + len(MARK)
    noted = raw[at : at + len(BLANK)]
    with memoryview(raw) as whole, whole[:at] as head, whole[at + len(BLANK) :] as tail:
        if at >= len(MARK) and noted != digest(head, BLANK, tail).encode():
            raise DataError(f"{file} is not as it was written, so it was edited or is damaged; {MEND}")


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
