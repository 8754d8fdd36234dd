"""What a run may spend: every call is promised at its most before it is sent, and settled at its cost afterwards."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from rlc.data.errors import StoreError

ROUNDING = 1e-9  # dollars


class Purse(Protocol):
    """What calls are paid from: that of this process, or a lane's view of it (`rlc.data.lanes`)."""

    def promise(self, dollars: float) -> bool:
        """Set aside what a call may cost at the most; False where it is no longer there."""
        ...

    def settle(self, promised: float, cost: float) -> None:
        """Pay what a call has cost out of what was promised for it."""
        ...


class FilePurse:
    """A purse whose payments are written down. Threads may share one.

    The file has a number a line, in dollars: what is promised, and what a settlement takes from it. So their sum is what is
    spent, and after a kill a call that was on its way counts at its most.

    Args:
        limit: what may be spent in all, what the file tells of earlier processes included.
        file: where payments are written.
        before: what was spent before there was such a file.

    Raises:
        StoreError: if the file cannot be read or written.
    """

    def __init__(self, limit: float, file: Path, before: float = 0.0) -> None:
        self.limit = limit
        self._file = file
        self._alone = threading.Lock()
        self.spent = 0.0
        if file.is_file():
            self.spent = spent_in(file)
            self._write(0.0, "\n")  # what follows shares no line with one that a kill cut off
        elif before:
            self._write(before)

    def promise(self, dollars: float) -> bool:
        """Set aside what a call may cost at the most; False where it is no longer there."""
        with self._alone:
            if self.spent + dollars > self.limit + ROUNDING:
                return False
            self._write(dollars)
            return True

    def settle(self, promised: float, cost: float) -> None:
        """Pay what a call has cost out of what was promised for it."""
        with self._alone:
            self._write(cost - promised)

    def _write(self, dollars: float, before: str = "") -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="ascii") as opened:
                opened.write(f"{before}{dollars!r}\n")
        except OSError as error:
            raise StoreError(
                f"{self._file} cannot be written ({error}): nothing is spent without it"
            ) from error
        self.spent += dollars


def spent_in(file: Path) -> float:
    """The dollars that a purse's file tells of; a line that a kill cut off is none."""
    total = 0.0
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error}") from error
    for line in lines:
        with suppress(ValueError):
            total += float(line)
    return total
