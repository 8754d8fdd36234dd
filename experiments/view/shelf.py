"""The runs that the pages show: by name, with their studies, and with their documents where a page needs them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from rlc.data.errors import DataError, RlcError, UsageError
from rlc.data.records import Example
from rlc.experiments.metrics.cost import Price
from rlc.experiments.runs.listing import Listed, listed, read_listed, run_folders
from rlc.experiments.runs.results import to_frame
from rlc.experiments.runs.results_file import RESULTS, open_results
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.rows import SO_FAR, rows_so_far
from rlc.experiments.runs.stored import run_folder, stored_run
from rlc.experiments.study.study import Study, make_study

Made = TypeVar("Made")

KEPT = 4  # runs whose rows stay in memory

Stamp = tuple[int, int, int]
"""What tells one state of a run's rows from another."""


class NothingYetError(DataError):
    """A run that has no answer yet."""


@dataclass
class _Open:
    """A run whose rows are in memory; of one that goes on the first `count` of them."""

    stamp: Stamp
    study: Study
    count: int = 0
    documents: Study | None = None
    made: dict[str, Any] = field(default_factory=dict)


@dataclass
class Shelf:
    """The runs named, or all of a folder; runs that are begun later appear.

    Args:
        out: The folder of runs.
        named: Runs by folder or name; none shows all of `out`.
        data_root: Where their documents lie, if not where they lay.
        prices: Dollars by model.

    Raises:
        UsageError: if a run that is named is not there, or two have one name.
    """

    out: Path
    named: Sequence[str] = ()
    data_root: Path | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.alone = threading.RLock()  # pages are made side by side
        self._named = {folder.name: folder for folder in (run_folder(one, self.out) for one in self.named)}
        if len(self._named) < len(set(self.named)):
            raise UsageError(
                f"several of {', '.join(self.named)} have one name; look at them one after the other"
            )
        self._open: dict[str, _Open] = {}

    def runs(self) -> list[Listed]:
        """The runs on the page, newest first."""
        return [read_listed(folder) for folder in self._named.values()] if self.named else listed(self.out)

    def run(self, name: str) -> Listed:
        """The run of this name. A name is looked up and never made a path.

        Raises:
            UsageError: if there is none.
        """
        known = self._named or {folder.name: folder for folder in run_folders(self.out)}
        if name not in known:
            raise UsageError(f"no run {name!r} here")
        return read_listed(known[name])

    def study(self, run: Listed) -> Study:
        """The study of a run as it stands now, without documents.

        Raises:
            DataError: if it cannot be read, or nothing is answered yet.
        """
        with self.alone:
            return self._opened(run).study

    def with_documents(self, run: Listed) -> Study:
        """A run's study with its documents, or with the reason why they are not at hand."""
        with self.alone:
            opened = self._opened(run)
            if opened.documents is None:
                try:
                    dataset = opened.study.run.dataset(self.data_root)
                    opened.documents = replace(opened.study, dataset=dataset)
                except RlcError as error:
                    opened.documents = replace(opened.study, absence=str(error))
            return opened.documents

    def example(self, run: Listed, example_id: str) -> tuple[Example | None, str]:
        """A question with its document, or why that is not at hand."""
        study = self.with_documents(run)
        return study.asked.get(example_id), study.absence

    def made(self, run: Listed, key: str, make: Callable[[Study], Made], *, documents: bool = True) -> Made:
        """What is made of the study, once for as long as the rows stay as they are."""
        with self.alone:
            study = self.with_documents(run) if documents else self.study(run)
            made = self._open[run.id].made
            if key not in made:
                made[key] = make(study)
            found: Made = made[key]
            return found

    def _opened(self, run: Listed) -> _Open:
        known = self._open.pop(run.id, None)
        going = run.folder / SO_FAR
        if run.so_far is not None and going.is_file():
            found = self._goes_on(run, known, going.stat().st_ino)
        else:
            found = self._stands(run, known)
        self._open[run.id] = found  # the last one looked at stands last
        for name in list(self._open)[:-KEPT]:
            del self._open[name]
        return found

    def _stands(self, run: Listed, known: _Open | None) -> _Open:
        file = run.folder / RESULTS
        if run.so_far is not None and not file.is_file():
            raise NothingYetError(f"{run.id}: nothing is answered yet")
        about = file.stat() if file.is_file() else None
        stamp = (about.st_ino, about.st_mtime_ns, 0) if about else (0, 0, 0)
        return (
            known
            if known and known.stamp == stamp
            else _Open(stamp, self._study(run, ResultsTable(open_results(file))))
        )

    def _goes_on(self, run: Listed, known: _Open | None, inode: int) -> _Open:
        if known and known.stamp[:2] == (inode, 0):
            before, count = known.study.run.frame, known.count
        else:
            before, count = to_frame([]), 0
        total, more = rows_so_far(run.folder, count)
        if known and known.stamp == (inode, 0, total):
            return known
        found = _Open((inode, 0, total), self._study(run, ResultsTable(pl.concat([before, more]))), total)
        if known and known.documents is not None:
            found.documents = replace(
                found.study, dataset=known.documents.dataset, absence=known.documents.absence
            )
        return found

    def _study(self, run: Listed, table: ResultsTable) -> Study:
        if not table.height:
            raise NothingYetError(f"{run.id}: nothing is answered yet")
        return make_study(stored_run(run.folder, table), self.prices)
