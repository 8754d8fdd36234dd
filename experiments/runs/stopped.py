"""Child processes that are watched: a stopped one is said, and none outlives the process that started it."""

import multiprocessing
import os
import threading
import warnings
from pathlib import Path

LOOK = 5.0  # seconds of silence after which a child is looked at
ALONE = 143  # the exit code of a child whose parent is gone


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped (`kill -STOP`, Ctrl-Z), where the system tells."""
    try:
        state = (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return False
    return bool(state) and state[0] in ("T", "t")


def say_if_stopped(pid: int, what: str, said: set[int]) -> None:
    """Warn once of a child that cannot go on by itself."""
    if pid not in said and is_stopped(pid):
        said.add(pid)
        warnings.warn(
            f"{what} (process {pid}) is stopped: waiting until it goes on (`kill -CONT {pid}`) or ends",
            stacklevel=3,
        )


def end_with_parent() -> None:
    """Have this child of `multiprocessing` end when its parent has, whatever it waits for then."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(ALONE)
