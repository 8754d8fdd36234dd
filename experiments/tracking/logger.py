"""A process that keeps a comparison's MLflow run: opened when it starts, logged and ended when it stops.

Loading MLflow takes seconds, and a server that is away or a database that is locked takes more; beside the
comparison, neither delays an answer. Should the comparison be killed, this process notices and says so in the run.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import IO

from rlc.data.errors import RlcError
from rlc.experiments.runs.stopped import LOOK, say_if_stopped
from rlc.experiments.runs.stored import open_run
from rlc.experiments.tracking.place import TrackingError, place_of

FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"


class RunLogger:
    """The comparison's side: starts the process, and tells it how the comparison ended.

    Raises:
        TrackingError: if `out` can hold no database.
    """

    def __init__(self, out: Path, system_metrics: bool = False) -> None:
        place_of(out)  # refused now, not after hours
        self._words = [str(out.resolve()), *["--system-metrics"] * system_metrics]
        self._folder = out  # the run's own, from `start` on
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    @property
    def started(self) -> bool:
        """Whether there is a run to end."""
        return self._process is not None

    def start(self, folder: Path) -> None:
        """Open the run of this folder, beside what this process goes on to do."""
        self._folder = folder.resolve()
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(  # noqa: S603 - our own fixed command
            [sys.executable, "-m", __name__, str(self._folder), *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for the comparison, which then ends the run
        )

    def end(self, status: str) -> None:
        """End the run, if one was opened, and wait until all is logged; after an interrupt nobody waits.

        Args:
            status: `FINISHED`, with results to log, `FAILED` or `KILLED`.

        Raises:
            TrackingError: if MLflow refused; what is on disk is complete without it.
        """
        if self._process is None or self._errors is None:
            return
        if (
            status == KILLED
        ):  # an end without a word says the same, and the process ends by itself once it has noted it
            self._process = None
            return
        said = self._farewell(self._process, status)
        with self._errors:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no reason given"])[-1]
        code, self._process = self._process.returncode, None
        if code:
            how = f"the process that logs was ended by {signal.Signals(-code).name}" if code < 0 else last
            raise TrackingError(
                said.strip() or f"MLflow failed: {how}; log later with: rlc track {self._folder}"
            )

    def _farewell(self, process: "subprocess.Popen[str]", status: str) -> str:
        """Tell the process how the comparison ended; what it says once it has ended itself."""
        word: str | None = f"{status}\n"
        stopped: set[int] = set()
        while True:
            try:
                return process.communicate(word, timeout=LOOK)[0]
            except subprocess.TimeoutExpired:
                word = None  # it is on its way
                say_if_stopped(process.pid, "the process that logs to MLflow", stopped)
            except BaseException:
                process.kill()
                raise


def keep(folder: Path, out: Path, system_metrics: bool, ending: IO[str]) -> None:
    """Open the run, wait for how the comparison ends, log what it found.

    An end without a word means that the comparison was killed. A store that refused at first is asked again.

    Raises:
        TrackingError: if MLflow refused to the last.
    """
    from rlc.experiments.tracking.client import connect, measured
    from rlc.experiments.tracking.log import close_parent, open_parent, track

    refused: TrackingError | None = None
    status = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with connect(out, folder) as connection:
            parent = open_parent(connection, folder)
            with measured(connection, parent) if system_metrics else nullcontext():
                status = ending.readline().strip() or KILLED
            if status != FINISHED:
                close_parent(connection, parent, status)
    except TrackingError as error:
        refused = error
        status = status or ending.readline().strip()
    if status == FINISHED:
        track(open_run(str(folder), out), out)
    elif refused:
        raise refused


def main(words: Sequence[str]) -> int:
    """Run beside the comparison; nothing but the reason of a failure goes to stdout."""
    try:
        with redirect_stdout(sys.stderr):
            keep(Path(words[0]), Path(words[1]), "--system-metrics" in words[2:], sys.stdin)
    except RlcError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
