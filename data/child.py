"""Child processes: a function in a process of its own, spoken to over a connection, ended with all that it started.

An engine has one so that a GPU's memory is free when it ends, workers so that they answer side by side, MLflow so that
nobody waits for it. None outlives this process: it watches whether its parent is alive, and ends when it is not.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any, Protocol

from rlc.data.errors import RlcError
from rlc.data.lazy import load

PARENT = "RLC_PARENT"
LOOK = 5.0  # seconds of silence after which a child is looked at
WATCH = 0.25  # seconds between a child's looks at whether its parent is alive
GRACE = 10.0  # seconds that a child gets to end by itself
TERMINATED = 143  # the exit code of a child that was told to end


class ChildDiedError(RlcError):
    """The process is gone; the text says how, and quotes the last that it printed."""


class Child:
    """A function of ours in a Python process and a process group of its own.

    The function is called with its end of a connection, over which anything goes that can be pickled. Ctrl-C at the
    terminal does not reach it. It ends when this object is forgotten, or this process ends, however that goes.

    Args:
        target: `"module:function"`.
        what: what messages call it, such as `a worker`.
        environment: variables added to this process's own.
        log: where it prints, and what is quoted where it dies; None prints where this process prints its errors.
        farewell: seconds that it may go on once its parent is gone.
    """

    def __init__(
        self,
        target: str,
        what: str,
        *,
        environment: Mapping[str, str] | None = None,
        log: IO[bytes] | None = None,
        farewell: float = 0.0,
    ) -> None:
        self.what = what
        self.connection, theirs = Pipe()
        self._log = log
        self._log_start = log.seek(0, os.SEEK_END) if log else 0
        self._warned = False
        prints = log or 2  # never to standard output, which is for results
        with theirs:  # when the child ends, nobody holds its end, and ours tells so
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                # -P: the folder that one happens to stand in must not shadow libraries.
                [sys.executable, "-P", "-m", __name__, target, str(theirs.fileno()), str(farewell)],
                stdin=subprocess.DEVNULL,
                stdout=prints,
                stderr=prints,
                env={**os.environ, **(environment or {}), PARENT: str(os.getpid())},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._forgotten = weakref.finalize(self, _end, self._process, self.connection, GRACE)

    @property
    def pid(self) -> int:
        """The process's id, which is also its group's."""
        return self._process.pid

    def ask(self, message: object) -> Any:  # noqa: ANN401 - whatever the function replies
        """Send a message and wait for the reply, for as long as the child lives.

        Raises:
            ChildDiedError: if it ends before it replies.
        """
        self.send(message)
        return self.hear()

    def send(self, message: object) -> None:
        """Send a message; whether it ever arrives, only a reply tells."""
        with contextlib.suppress(OSError):  # it is gone: receiving tells
            self.connection.send(message)

    def hear(self) -> Any:  # noqa: ANN401 - whatever the function sends
        """Wait for the next message, for as long as the child lives.

        Raises:
            ChildDiedError: if it has ended and left none.
        """
        while not self.speaks():
            continue
        with contextlib.suppress(EOFError, OSError):
            if self.connection.poll() or not self.has_ended():
                return self.connection.recv()
        self.end()
        raise ChildDiedError(f"{self.what} ended ({self.ending()}){self._log_tail()}")

    def speaks(self, seconds: float = LOOK) -> bool:
        """Whether it has sent a message, or ended; where it is silent for so long because it was stopped, say so once."""
        if self.connection.closed or wait([self.connection], seconds):
            return True
        self._warn_if_stopped()
        return self.has_ended()  # what it has started may still hold its end of the connection

    def terminate(self) -> None:
        """Tell it to end though it is at work; what it holds is closed."""
        self._process.terminate()

    def end(self, grace: float = GRACE) -> None:
        """End the process and all that it started; what it held is free when this returns.

        Args:
            grace: seconds that it gets to end by itself, now that nobody speaks to it any more.
        """
        if self._forgotten.detach():
            _end(self._process, self.connection, grace)

    def leave(self) -> None:
        """Wait no longer for a child that ends by itself once nobody speaks to it."""
        self._forgotten.detach()
        self.connection.close()

    def ending(self) -> str:
        """How it ended: a signal, or an exit code."""
        code = self._process.poll()
        return (
            f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        )

    def has_ended(self) -> bool:
        """Whether the process runs no more."""
        return self._process.poll() is not None

    def is_stopped(self) -> bool:
        """Whether it was stopped (`kill -STOP`), where the system tells."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[:1] in (["T"], ["t"])

    def _warn_if_stopped(self) -> None:
        """Warn once where it cannot go on by itself."""
        if not self._warned and self.is_stopped():
            self._warned = True
            warnings.warn(
                f"{self.what} (process {self.pid}) is stopped: waiting until it goes on (`kill -CONT {self.pid}`) or "
                "ends",
                stacklevel=3,
            )

    def _log_tail(self) -> str:
        """The first error in its log, which is the cause of the others, and the last lines."""
        if self._log is None:
            return ""
        self._log.seek(self._log_start)
        said = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        if not said:
            return "; it said nothing"
        causes = [line for line in said if re.search(r"\w(Error|Exception): ", line)][:1]
        return "; its last words: " + " | ".join(
            [*causes, *(line for line in said[-3:] if line not in causes)]
        )


def _end(process: subprocess.Popen[bytes], connection: Connection, grace: float) -> None:
    connection.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=grace)
    with contextlib.suppress(ProcessLookupError):  # itself, if it still runs, and whatever it left behind
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # A process of the group that holds a GPU's memory takes a moment to die, and until then the memory is not free.
    deadline = time.monotonic() + GRACE
    while _lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def _lives(group: int) -> bool:
    """Whether the process group still has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


# -- the child's side ------------------------------------------------------------------------------------------------


class Heard(Protocol):
    """What can be listened to, such as a connection."""

    def recv(self) -> Any:  # noqa: ANN401 - whatever is sent
        """Wait for a message; EOFError or OSError where there will be none."""
        ...


def messages(connection: Heard) -> Iterator[Any]:
    """What the parent says, until it speaks no more."""
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            return
        yield message


def serve(connection: Connection, answer: Callable[[Any], object]) -> None:
    """Reply to every message."""
    for message in messages(connection):
        connection.send(answer(message))


def main(words: Sequence[str]) -> None:
    """Call the function; `words` are its name, the number of its end of the connection, and the farewell."""
    target, handle, farewell = words
    os.set_inheritable(int(handle), False)
    _end_with(int(os.environ[PARENT]), float(farewell))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent, which ends us
    # Left by an exception, so that what it holds is closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    with Connection(int(handle)) as connection:
        load(target)(connection)


def _end_with(parent: int, farewell: float) -> None:
    """End this process and all that it started once its parent is gone, at work or not.

    A thread watches: the kernel's own signal (PR_SET_PDEATHSIG) would not reach what this process has started, and would
    also come where only the thread ends that started us.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH)
        time.sleep(farewell)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":  # libraries that start processes of their own import this module anew
    main(sys.argv[1:])
