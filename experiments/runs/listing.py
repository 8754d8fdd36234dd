"""The runs of a folder: what stands in their small files, without their rows."""

import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, Literal

from rlc.data.plain import parse_json
from rlc.experiments.runs.kept import LOCK
from rlc.experiments.runs.naming import name_of
from rlc.experiments.runs.run import PROVENANCE, PROVISIONAL, RECIPE, SUMMARY

State = Literal["finished", "going on", "stopped"]


@dataclass(frozen=True)
class Listed:
    """A run as a list shows it.

    `summaries` are the readers' figures (`rlc.experiments.runs.summary.summarise`), `specs` their completed specs. `broken`
    says why its files cannot be read.
    """

    folder: Path
    summaries: Sequence[Mapping[str, Any]] = ()
    specs: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    broken: str = ""

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def name(self) -> str:
        """The name that somebody gave it; empty where nobody did."""
        return name_of(self.folder)

    @property
    def date(self) -> str:
        """When it began, to the minute (UTC)."""
        return str(self.provenance.get("date", ""))[:16].replace("T", " ")

    @property
    def data(self) -> Mapping[str, Any]:
        """What is known of the data set: `name`, `examples`, `documents`, ..."""
        found: Mapping[str, Any] = self.provenance.get("dataset", {})
        return found

    @property
    def so_far(self) -> Mapping[str, Any] | None:
        """Of how many `documents` `of` how many its files tell; None where that is all."""
        found: Mapping[str, Any] | None = self.provenance.get(PROVISIONAL)
        return found

    @property
    def state(self) -> State:
        """Whether all is answered, or somebody is at it, or nobody is any more."""
        if self.so_far is None:
            return "finished"
        return "going on" if is_held(self.folder) else "stopped"


def listed(out: Path) -> list[Listed]:
    """The runs of a folder, newest first."""
    return [read_listed(folder) for folder in run_folders(out)]


def run_folders(out: Path) -> list[Path]:
    """The folders of runs that tell something of themselves, newest first."""
    told = {
        file.parent: file.stat().st_mtime
        for name in (SUMMARY, PROVENANCE)
        for file in sorted(out.glob(f"*/{name}"))
    }
    return sorted(told, key=lambda folder: (-told[folder], folder.name))


def read_listed(folder: Path) -> Listed:
    """Read the small files of a run; one that cannot be read is listed with the reason."""
    try:
        summaries = _json(folder / SUMMARY) if (folder / SUMMARY).is_file() else []
        specs, about = _json(folder / RECIPE)["readers"], _json(folder / PROVENANCE)
        so_far = about.get(PROVISIONAL) or {"documents": 0, "of": 0}
        figures = [one["accuracy"].get(name) for one in summaries for name in ("value", "low", "high", "n")]
        _check(dict, specs, *specs.values(), about["dataset"], *summaries)
        _check((int, float), about["dataset"]["examples"], so_far["documents"], so_far["of"])
        _check((int, float, NoneType), *figures)
        _check(str, about["date"], *(one["reader"] for one in summaries))
        return Listed(folder, summaries, specs, about)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Listed(folder, broken=repr(error))


def _check(kind: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"expected {kind}, got {value!r}")


def is_held(folder: Path) -> bool:
    """Whether a process writes to a run now: it holds the lock, and no longer than it lives."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    else:
        return False
    finally:
        os.close(handle)


def _json(file: Path) -> Any:  # noqa: ANN401 - plain data
    return parse_json(file.read_text(encoding="utf-8"))
