"""Runs that were written: finding them by folder or name, and reading what they hold."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from rlc.data.datasets import load_completed, load_dataset
from rlc.data.errors import DataError, UsageError
from rlc.data.plain import parse_json
from rlc.data.records import Dataset
from rlc.data.spec import Spec
from rlc.data.text.escape import escape_controls
from rlc.experiments.runs.kept import MEND, read_kept
from rlc.experiments.runs.naming import folder_named
from rlc.experiments.runs.provenance import JUDGED_BY
from rlc.experiments.runs.results_file import RESULTS, open_results, read_results
from rlc.experiments.runs.results_table import ResultsTable
from rlc.pipeline.former_names import present_names


@dataclass(frozen=True)
class StoredRun:
    """What `rlc.experiments.runs.run.Run.execute` wrote: the rows, read as they are asked for, and what made them.

    `specs` are the readers' completed specs, `labels` what aliases among them stand for. `reused` is how many of the answers
    were in the store before, where the run has just been carried out.
    """

    folder: Path
    table: ResultsTable
    specs: Mapping[str, Spec] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    reused: int = 0

    @property
    def frame(self) -> pl.DataFrame:
        """Read all of the rows; of a large run `table` reads some of their columns."""
        return self.table.whole()

    @property
    def data(self) -> Mapping[str, Any]:
        """What is known of the data set: `name`, `variant`, `revision`, ..."""
        found: Mapping[str, Any] = self.provenance.get("dataset", {})
        return found

    @property
    def judge(self) -> str:
        """Who fills the table in place of the rules and the data set's measures; empty where nobody does."""
        return str(self.provenance.get(JUDGED_BY, {}).get("name", ""))

    def dataset(self, data_root: Path | None = None) -> Dataset:
        """The data set with its documents: from `data_root`, else where it lay, else where its name leads.

        Raises:
            DataError: if it is not at hand, or is of another revision than the run's.
        """
        name, revision = self.data.get("name"), self.data.get("revision")
        where = "give its folder with --data-root"
        root = self.data.get("root")
        lay = Path(root) if root and Path(root).is_dir() else None
        if self.data.get("variant") == "sample" and data_root is None:
            dataset = load_dataset("sample")
        elif settings := self.data.get("settings"):
            dataset = load_completed(settings, data_root or lay)
        elif place := data_root or lay:
            dataset = load_dataset(str(place.expanduser().resolve()))
        elif name == "lara":  # of before settings were kept
            dataset = load_dataset(name)
        else:
            raise DataError(f"the documents of {name!r} are not at hand; {where}")
        if dataset.revision != revision:
            raise DataError(
                f"the run was made on revision {revision} of {name!r}, and {dataset.root or dataset.name} is "
                f"{dataset.revision}; {where}"
            )
        return dataset


def open_run(run: str, out: Path, where: pl.Expr | None = None) -> StoredRun:
    """Read a run, given as its folder or as its name below `out`; of its rows, where so wanted, only some.

    Raises:
        UsageError: if there is no such run; the nearest names are told.
        DataError: if its files are missing, broken, edited or another version's.
    """
    folder = run_folder(run, out)
    rows = open_results(folder / RESULTS) if where is None else read_results(folder / RESULTS, where)
    return stored_run(folder, ResultsTable(rows))


def stored_run(folder: Path, table: ResultsTable) -> StoredRun:
    """Put a run's rows beside what made them.

    Raises:
        DataError: if its files are missing, broken, edited or another version's.
    """
    recipe, provenance = _read_json(folder / "recipe.json"), _read_json(folder / "provenance.json")
    _check_recipe(folder / "recipe.json", recipe)
    if not isinstance(provenance.get("dataset", {}), dict):
        raise DataError(f"{folder / 'provenance.json'}: expected a table under dataset; {MEND}")
    return StoredRun(folder, table, present_names(recipe["readers"]), recipe["labels"], provenance)


def run_folder(run: str, out: Path) -> Path:
    """The folder of a run, given as itself, as its name below `out`, or as the name that somebody gave it.

    Raises:
        UsageError: if there is no such run; the nearest names are told.
    """
    for folder in (Path(run), out / run, folder_named(run, out)):
        if folder is not None and folder.is_dir():
            return folder
    raise UsageError(_no_run(run, out))


def known_runs(out: Path) -> list[str]:
    """The names of the runs in a folder, sorted."""
    return sorted(file.parent.name for file in out.glob(f"*/{RESULTS}"))


def nearest(name: str, known: list[str], count: int = 3) -> str:
    """The known names that are most like this one, those that hold it first; for messages."""
    holding = [one for one in known if name and name in one]
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.3)
    return ", ".join(list(dict.fromkeys([*holding, *close]))[:count])


def _no_run(run: str, out: Path) -> str:
    known = known_runs(out)
    if not known:
        return (
            f"no run {run!r}: {out} holds no runs; make one with `rlc compare`, or give its folder with --out"
        )
    near = nearest(run, known) or ", ".join(known[:3])
    return escape_controls(f"no run {run!r} in {out}; nearest: {near} ({len(known)} in all)")


def _check_recipe(file: Path, recipe: Mapping[str, Any]) -> None:
    readers, labels = recipe.get("readers"), recipe.get("labels")
    if not isinstance(readers, dict) or not isinstance(labels, dict):
        raise DataError(f"{file}: expected readers and labels, got {sorted(recipe)}; {MEND}")
    for name, spec in readers.items():
        if not isinstance(spec, dict) or not isinstance(spec.get("use"), str):
            raise DataError(f"{file}: expected a reader {{use = name, ...}} under {name!r}; {MEND}")
    if any(not isinstance(label, str) for label in labels.values()):
        raise DataError(f"{file}: expected text under every label; {MEND}")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = parse_json(read_kept(file))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}); {MEND}") from error
    if not isinstance(value, dict):
        raise DataError(f"{file}: expected a table, got {type(value).__name__}")
    return value
