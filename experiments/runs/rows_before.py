"""The rows that a run's results have already: what has not changed is neither scored nor put together again."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from rlc.data.errors import DataError
from rlc.data.records import Example
from rlc.experiments.runs.made_of import made_of
from rlc.experiments.runs.results import reader_runs
from rlc.experiments.runs.results_file import GROUP, scan_results
from rlc.experiments.scorers.measured import RULE

TOLD = {"reader": pl.String, "made_of": pl.Int64, "failed": pl.Boolean}


class RowsBefore:
    """The rows of a results file, of which those stand that are made of what they would be made of now.

    The file is copied, for it will be replaced; in memory are a few bytes a row. Of one that is not there, cannot be read
    or is of an earlier version no row stands.

    Args:
        results: the file.
        measures: the name of each task's scorer, as the data set tells them.
    """

    def __init__(self, results: Path, measures: Mapping[str, str]) -> None:
        self.kept: dict[str, set[str]] = {}
        self._measures = measures
        self._copy = NamedTemporaryFile(suffix=".parquet")  # noqa: SIM115 - it is closed at the end of the context
        try:
            with results.open("rb") as file:
                shutil.copyfileobj(file, self._copy)
            self._copy.flush()
            self._table = scan_results(Path(self._copy.name))
            told = self._table.select("reader", "made_of", failed=pl.col("error").is_not_null()).collect()
        except (OSError, DataError, pl.exceptions.PolarsError):  # it is written anew, whole
            told = pl.DataFrame(schema=TOLD)
        self._spans = {name: (start, start + length) for name, start, length in reader_runs(told)}
        known = np.flatnonzero(told["made_of"].is_not_null())
        made = told["made_of"].gather(known).to_numpy()
        self._places = known[np.argsort(made)]  # of the rows by `_made`, which is sorted
        self._made = np.sort(made)
        self._failed = told["failed"].to_numpy()
        self._stands = np.zeros(told.height, dtype=bool)
        self._group: tuple[int, pl.DataFrame] = (-1, told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._copy.close()

    def keep(self, reader: str, examples: Sequence[Example], seals: Sequence[str | None]) -> None:
        """Let a reader's rows stand whose question, stored answer and code are what they were."""
        if not len(self._made):
            return
        made = [
            made_of(reader, example, self._measures.get(example.task, RULE), seal)
            for example, seal in zip(examples, seals, strict=True)
        ]
        wanted = np.array([one or 0 for one in made])
        nearest = np.searchsorted(self._made, wanted).clip(max=len(self._made) - 1)
        found = (self._made[nearest] == wanted) & np.array([one is not None for one in made])
        self._stands[self._places[nearest[found]]] = True
        kept = self.kept.setdefault(reader, set())
        kept.update(example.id for example, stands in zip(examples, found, strict=True) if stands)

    def left(self, reader: str, examples: Sequence[Example]) -> list[Example]:
        """The examples whose rows do not stand."""
        kept = self.kept.get(reader, set())
        return [example for example in examples if example.id not in kept]

    @property
    def count(self) -> int:
        """How many rows stand."""
        return int(self._stands.sum())

    @property
    def failed(self) -> int:
        """How many of them tell of a failure."""
        return int((self._stands & self._failed).sum())

    def frames(self, reader: str) -> Iterator[pl.DataFrame]:
        """A reader's rows that stand, in order, some at a time."""
        start, end = self._spans.get(reader, (0, 0))
        while start < end:
            number, offset = divmod(start, GROUP)
            until = min(end, (number + 1) * GROUP)
            stands = self._stands[start:until]
            if stands.any():
                if self._group[0] != number:  # readers share groups
                    self._group = number, self._table.slice(number * GROUP, GROUP).collect()
                yield self._group[1].slice(offset, until - start).filter(stands)
            start = until
