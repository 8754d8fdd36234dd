"""A run's rows, of which columns are read when they are asked for: a run of any size is looked at in little memory."""

import io
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from rlc.experiments.metrics.amortised import PIECES_READ
from rlc.experiments.runs.results import SCHEMA, reader_runs
from rlc.experiments.runs.results_file import GROUP

KEPT = 2**24  # bytes of columns that stay in memory; those of most runs all do
PIECES = "pieces"
DERIVED = {PIECES: PIECES_READ}  # how much was read, without what


class ResultsTable:
    """Rows of a results file or of a frame, in the order of their readers.

    Of what was asked for last, columns of `KEPT` bytes in all stay in memory; the others are read again.
    """

    def __init__(self, rows: pl.DataFrame | pl.LazyFrame) -> None:
        self.rows = rows.lazy()
        self._alone = threading.Lock()
        self._kept: dict[tuple[str | None, str], pl.Series] = {}  # by reader, None for all, and name
        self._size = 0
        runs = reader_runs(self.select("reader"))
        if len({name for name, _, _ in runs}) < len(runs):  # of a run that goes on: as they came
            first = pl.col("reader").cast(pl.Enum(list(dict.fromkeys(name for name, _, _ in runs))))
            self.rows = self.rows.sort(first, maintain_order=True).collect().lazy()
            self._kept, self._size = {}, 0
            runs = reader_runs(self.select("reader"))
        self._places = {name: (start, length) for name, start, length in runs}

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process rows go packed, as in a file."""
        packed = io.BytesIO()
        self.rows.sink_parquet(packed, row_group_size=GROUP)
        return _unpacked, (packed.getvalue(),)

    @property
    def readers(self) -> list[str]:
        """The readers' names, in order."""
        return list(self._places)

    @property
    def heights(self) -> Mapping[str, int]:
        """How many rows each reader has."""
        return {name: length for name, (_, length) in self._places.items()}

    @property
    def height(self) -> int:
        """How many rows there are."""
        return sum(self.heights.values())

    def select(self, *columns: str, reader: str | None = None) -> pl.DataFrame:
        """Columns of all rows, or of a reader's."""
        keys = [(reader, name) for name in columns]
        with self._alone:  # pages are made side by side
            if missing := [name for key, name in zip(keys, columns, strict=True) if key not in self._kept]:
                rows = self.rows if reader is None else self.rows.slice(*self._places[reader])
                read = rows.select(
                    [DERIVED.get(name, pl.col(name)).alias(name) for name in missing]
                ).collect()
                self._kept |= {(reader, name): read[name] for name in missing}
                self._size += sum(_bytes(column) for column in read)
            found = {key: self._kept.pop(key) for key in keys}
            self._kept |= found  # what was asked for last stands last
            while self._size > KEPT:
                self._size -= _bytes(self._kept.pop(next(iter(self._kept))))
        return pl.DataFrame(list(found.values()))

    def parts(self, reader: str, *columns: str) -> Iterator[pl.DataFrame]:
        """Columns of a reader's rows, some rows at a time, of which none stays in memory."""
        start, length = self._places[reader]
        for first in range(start, start + length, GROUP):
            yield self.rows.select(columns).slice(first, min(GROUP, start + length - first)).collect()

    def where(self, *columns: str, of: pl.Expr) -> pl.DataFrame:
        """Columns of the rows that are wanted; the others are passed over as they are read."""
        return self.rows.filter(of).select(columns or list(SCHEMA)).collect()

    def whole(self) -> pl.DataFrame:
        """All columns of all rows."""
        return self.rows.collect()


def _unpacked(raw: bytes) -> ResultsTable:
    return ResultsTable(pl.scan_parquet(io.BytesIO(raw)))


def _bytes(column: pl.Series) -> int:
    """What a column takes; polars' own estimate of texts leaves out where each begins."""
    return int(column.estimated_size()) + (16 * len(column) if column.dtype == pl.String else 0)
