"""What benchmarks share: peers and product take turns, and what was measured stays, in one JSON file."""

import importlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.experiments.runs.provenance import LIBRARIES, environment
from rlc.experiments.runs.run import write_json

Figures = dict[str, Any]


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peer(module: str) -> Any:  # noqa: ANN401 - a module
    """Import a peer, or say how to get it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"the peer {module} is not installed; see the head of the benchmark's file"
        ) from error


def race(tasks: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, Figures]:
    """Let the tasks take turns; CPU seconds of each, medians, and their ratios to the last one's (ours)."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for i in range(rounds):
        for name in list(tasks)[:: 1 if i % 2 == 0 else -1]:
            start = time.process_time()
            tasks[name]()
            seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ours = medians[list(tasks)[-1]]
    for name, value in medians.items():
        say(f"  {name:<52}{value * 1000:>11.2f} ms {value / ours:>9.2f}x ours")
    return {name: {"cpu_seconds": value, "times_ours": value / ours} for name, value in medians.items()}


def peak_memory() -> float:
    """Of the whole process, peers included, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class BenchRecord:
    """The sections of a benchmark's file; a part that is run again replaces its own and leaves the others.

    Every section has the figures of its part, and when, with what and on what machine they were measured, with its
    load average over 1, 5 and 15 minutes.

    Args:
        file: the JSON file; it need not be there.
        peers: distributions whose versions bear on the figures beside the project's own libraries.
    """

    def __init__(self, file: Path, peers: Sequence[str] = ()) -> None:
        self.file = file
        self._libraries = (*LIBRARIES, *peers)

    def add(self, part: str, figures: Mapping[str, Any]) -> None:
        """Write a part's section.

        Raises:
            DataError: if the file is there and is not a benchmark's.
            StoreError: if it cannot be written.
        """
        threads = {"threads": os.environ.get("OMP_NUM_THREADS"), "load_average": [*os.getloadavg()]}
        sections = self.sections() | {part: {**figures, **threads, **environment(self._libraries)}}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.file, sections)

    def sections(self) -> dict[str, Any]:
        """What the file holds.

        Raises:
            DataError: if it is not a benchmark's.
        """
        if not self.file.is_file():
            return {}
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{self.file} is no JSON ({error}): name another file, or delete it") from error
        if not isinstance(found, dict):
            raise DataError(f"{self.file} holds no sections by part: name another file, or delete it")
        return found
