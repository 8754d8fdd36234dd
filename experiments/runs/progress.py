"""Progress on stderr: a bar in a terminal, plain lines elsewhere; the time left is measured, never guessed."""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rlc.data.records import Answer, Example

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LINE_EVERY = 15.0  # seconds between plain lines


@dataclass
class Pace:
    """How fast each reader has been, on answers that were really asked for.

    `missing` holds, per reader, the ids of the examples whose answers are not in the store. Where readers come one
    after the other, `work` says how much of it an answer of each is (any unit): a reader that has not begun is taken to
    work at the pace of the others.
    """

    missing: Mapping[str, frozenset[str]]
    work: Mapping[str, float] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)

    def add(self, reader: str, example_ids: Iterable[str], seconds: float) -> None:
        """Count what was missing among these examples, and the time that the batch took."""
        fresh = len(self.missing.get(reader, frozenset()).intersection(example_ids))
        if fresh:
            self.done[reader] = self.done.get(reader, 0) + fresh
            self.spent[reader] = self.spent.get(reader, 0.0) + seconds

    def seconds_left(self) -> float | None:
        """What the missing answers will take at the pace so far; None while a reader's pace is unknown."""
        left = 0.0
        for reader, missing in self.missing.items():
            open_answers = len(missing) - self.done.get(reader, 0)
            if open_answers <= 0:
                continue
            pace = self._pace(reader)
            if pace is None:
                return None
            left += open_answers * pace
        return left

    def _pace(self, reader: str) -> float | None:
        """Seconds an answer."""
        if self.done.get(reader):
            return self.spent[reader] / self.done[reader]
        worked = sum(count * self.work.get(name, 0.0) for name, count in self.done.items())
        return (
            self.work[reader] * sum(self.spent.values()) / worked if worked and reader in self.work else None
        )


class Progress:
    """Tells how far a comparison is. Use as a context manager, with `on_batch` given to `compare`."""

    def __init__(
        self,
        missing: Mapping[str, frozenset[str]],
        total: int,
        stream: TextIO | None = None,
        work: Mapping[str, float] | None = None,
    ) -> None:
        self.pace = Pace(missing, work or {})
        self._total = total
        self._count = self._failed = 0
        self._stream = stream or sys.stderr
        self._last = self._told = time.monotonic()
        self._bar = _bar(total, self._stream) if self._stream.isatty() else None

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def on_batch(self, reader: str, examples: Sequence[Example], answers: Sequence[Answer]) -> None:
        """Count a finished batch, and the answers of it that failed."""
        now = time.monotonic()
        self._count += len(examples)
        self._failed += sum(answer.error is not None for answer in answers)
        failed = f", {self._failed} failed" if self._failed else ""
        self.pace.add(reader, [example.id for example in examples], now - self._last)
        self._last = now
        left = self.pace.seconds_left()
        if self._bar:
            self._bar.update(
                self._bar.task_ids[0], completed=self._count, reader=reader, failed=failed, left=clock(left)
            )
        elif now - self._told >= LINE_EVERY or self._count == self._total:
            self._told = now
            self._stream.write(
                f"{self._count}/{self._total} answers{failed}, {clock(left)} left ({reader})\n"
            )
            self._stream.flush()


def clock(seconds: float | None) -> str:
    """Seconds for people."""
    if seconds is None:
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _bar(total: int, stream: TextIO) -> "RichProgress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        TextColumn("{task.fields[reader]:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("answers{task.fields[failed]}"),
        TextColumn("{task.fields[left]} left"),
        console=Console(file=stream),
        transient=True,
    )
    bar.add_task("answers", total=total, reader="", failed="", left=clock(None))
    return bar
