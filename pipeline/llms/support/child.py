"""A Python process of its own, spoken to by JSON lines: what it holds is freed when it ends, however it ends."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from rlc.data.errors import EngineError

Message = dict[str, Any]
LOG = "RLC_ENGINE_LOG"
PARENT = "RLC_ENGINE_PARENT"
LOOK = 0.5  # seconds between two looks at whether the parent is alive
GRACE = 10.0  # seconds that a process gets to end by itself


class ChildDiedError(EngineError):
    """The process is gone; the text holds its last words."""


class Child:
    """`python -m module` in a process group of its own; one reply for each message.

    Whatever it prints goes to a file, whose end is quoted where it dies: a temporary one, or the one that the
    environment names in RLC_ENGINE_LOG.

    Args:
        module: what runs; it calls `serve`.
        environment: variables added to this process's own.
    """

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        named = os.environ.get(LOG)
        self._log: IO[bytes] = Path(named).open("ab+") if named else tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._log_start = self._log.seek(0, os.SEEK_END)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            # -P: the folder that one happens to stand in must not shadow libraries.
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **(environment or {}), PARENT: str(os.getpid())},
            start_new_session=True,
        )
        # Also when the caller forgets, or leaves by an exception.
        self._end = weakref.finalize(self, _end, self._process)

    @property
    def pid(self) -> int:
        """The process's id, which is also its group's."""
        return self._process.pid

    def ask(self, message: Message) -> Message:
        """Send a message and wait for the reply.

        Raises:
            ChildDiedError: if the process ended before it replied, or replied with something else than JSON.
        """
        requests, replies = _pipes(self._process)
        try:
            requests.write(json.dumps(message).encode() + b"\n")
            requests.flush()
            reply: Message = json.loads(replies.readline())
        except (OSError, ValueError) as error:
            self.end()
            code = self._process.returncode
            raise ChildDiedError(
                f"the engine's process ended ({_ending(code)}); {self._stderr_tail()}"
            ) from error
        return reply

    def end(self) -> None:
        """End the process and all that it started; what it held is free when this returns."""
        self._end()

    def _stderr_tail(self) -> str:
        """The first error in its log, which is the cause of the others, and the last lines."""
        self._log.seek(self._log_start)
        said = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        if not said:
            return "it said nothing"
        causes = [line for line in said if re.search(r"\w(Error|Exception): ", line)][:1]
        return "its last words: " + " | ".join([*causes, *(line for line in said[-3:] if line not in causes)])


def serve(answer: Callable[[Message], Message]) -> None:
    """The other side: answer messages from standard input until it closes.

    Standard output is kept for the replies; what libraries print goes to standard error. Where the other side is
    killed, this process and all that it started end too, at work or not.
    """
    end_with(int(os.environ.get(PARENT, os.getppid())), lambda: os.killpg(0, signal.SIGKILL))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        for line in sys.stdin.buffer:
            replies.write(json.dumps(answer(json.loads(line))) + "\n")
            replies.flush()


def end_with(parent: int, end: Callable[[], object]) -> None:
    """End this process once its parent is gone, however that went.

    A thread watches: the kernel's own signal would also come when only the thread that started us ends.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        end()

    threading.Thread(target=watch, daemon=True).start()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise OSError("the process has no pipes")
    return process.stdin, process.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    requests, replies = _pipes(process)
    with contextlib.suppress(BrokenPipeError):  # it is gone already
        requests.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GRACE)
    with contextlib.suppress(ProcessLookupError):  # itself, if it still runs, and whatever it left behind
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # A process of the group that holds a GPU's memory takes a moment to die, and until then the memory is not free.
    deadline = time.monotonic() + GRACE
    while _alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    replies.close()


def _alive(group: int) -> bool:
    """Whether the process group still has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _ending(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
