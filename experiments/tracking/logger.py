"""A process that keeps a comparison's MLflow run: opened when it starts, logged and ended when it stops.

Loading MLflow takes seconds, and a server that is away or a database that is locked takes more; beside the
comparison, neither delays an answer. Should the comparison be killed, this process notices and says so in the run.
"""

import contextlib
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from rlc.data.child import Child, ChildDiedError, messages
from rlc.data.errors import RlcError
from rlc.experiments.study.study import Study
from rlc.experiments.tracking.place import TrackingError, place_of

FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"
FAREWELL = 60.0  # seconds in which a killed comparison's run is ended


class RunLogger:
    """The comparison's side: starts the process, and tells it how the comparison ended.

    `study` is what the comparison found: set before it ends as FINISHED, so that nothing is worked out twice.

    Raises:
        TrackingError: if `out` can hold no database.
    """

    def __init__(self, out: Path, system_metrics: bool = False) -> None:
        place_of(out)  # refused now, not after hours
        self._out = out
        self._system_metrics = system_metrics
        self._folder = out  # the run's own, from `start` on
        self._child: Child | None = None
        self.study: Study | None = None

    @property
    def started(self) -> bool:
        """Whether there is a run to end."""
        return self._child is not None

    def start(self, folder: Path) -> None:
        """Open the run of this folder, beside what this process goes on to do."""
        self._folder = folder.resolve()
        self._child = Child(
            f"{__name__}:log_run",
            "the process that logs to MLflow",
            log=tempfile.TemporaryFile(),  # noqa: SIM115 - it lives as long as the process
            farewell=FAREWELL,
        )
        self._child.send((self._folder, self._out.resolve(), self._system_metrics))

    def end(self, status: str) -> None:
        """End the run, if one was opened, and wait until all is logged; after an interrupt nobody waits.

        Args:
            status: `FINISHED`, with a `study` to log, `FAILED` or `KILLED`.

        Raises:
            TrackingError: if MLflow refused; what is on disk is complete without it.
        """
        child, self._child = self._child, None
        if child is None:
            return
        if status == KILLED:  # an end without a word says the same
            child.leave()
            return
        try:
            refused = child.ask(self.study if status == FINISHED and self.study else status)
        except ChildDiedError as error:
            raise TrackingError(
                f"MLflow failed: {error}; log later with: rlc track {self._folder}"
            ) from error
        except BaseException:
            child.end(grace=0)
            raise
        child.end()
        if refused:
            raise TrackingError(refused)


def log_run(connection: Connection) -> None:
    """Run beside the comparison: be told the run, then how it ended; reply with why MLflow refused, or nothing."""
    folder, out, system_metrics = connection.recv()
    refused = ""
    try:
        keep(folder, out, system_metrics, lambda: next(messages(connection), KILLED))
    except RlcError as error:
        refused = str(error)
    with contextlib.suppress(OSError):  # nobody waits any more
        connection.send(refused)


def keep(folder: Path, out: Path, system_metrics: bool, ending: Callable[[], Study | str]) -> None:
    """Open the run, wait for how the comparison ends, log what it found.

    `ending` waits for what was found, or for the status of a comparison that found nothing. A store that refused at first
    is asked again.

    Raises:
        TrackingError: if MLflow refused to the last.
    """
    from rlc.experiments.tracking.client import connect, measured
    from rlc.experiments.tracking.log import close_parent, log_study, open_parent

    refused: TrackingError | None = None
    ended: Study | str = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with connect(out, folder) as connection:
            parent = open_parent(connection, folder)
            with measured(connection, parent) if system_metrics else contextlib.nullcontext():
                ended = ending()
            if isinstance(ended, str):
                close_parent(connection, parent, ended)
    except TrackingError as error:
        refused = error
        ended = ended or ending()
    if not isinstance(ended, str):
        log_study(ended, out)
    elif refused:
        raise refused
