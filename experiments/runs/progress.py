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

    `missing` holds, per reader, the ids of the examples whose answers are not in the store. A reader that has not begun
    is taken to work at the pace of the others, by what `work` says an answer of each is (any unit; all alike where it
    says nothing). A reader's first batch also starts lanes and loads what the reader needs: until there is a second, it counts
    by what its answers say that they took, where they do.
    """

    missing: Mapping[str, frozenset[str]]
    work: Mapping[str, float] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    opening: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    def add(
        self, reader: str, example_ids: Iterable[str], seconds: float, answering: float | None = None
    ) -> None:
        """Count what was missing among these examples, the time that the batch took, and that of its answers alone."""
        fresh = len(self.missing.get(reader, frozenset()).intersection(example_ids))
        if fresh:
            self.opening.setdefault(reader, (fresh, seconds, min(seconds, answering or seconds)))
            self.done[reader] = self.done.get(reader, 0) + fresh
            self.spent[reader] = self.spent.get(reader, 0.0) + seconds

    def seconds_left(self) -> float | None:
        """What the missing answers will take at the pace so far; None while nothing was answered."""
        left = {reader: len(ids) - self.done.get(reader, 0) for reader, ids in self.missing.items()}
        paces = {reader: self._pace(reader) for reader, count in left.items() if count > 0}
        if None in paces.values():
            return None
        return sum(left[reader] * (pace or 0.0) for reader, pace in paces.items())

    def _pace(self, reader: str) -> float | None:
        """Estimate a reader's seconds for an answer; its first batch counts only while there is no other."""
        if done := self.done.get(reader):
            answers, seconds, answering = self.opening[reader]
            if done > answers:
                return (self.spent[reader] - seconds) / (done - answers)
            return answering / answers
        begun = [(name, pace) for name in self.done if (pace := self._pace(name)) is not None]
        worked = sum(self.done[name] * self._work(name) for name, _ in begun)
        spent = sum(self.done[name] * pace for name, pace in begun)
        return self._work(reader) * spent / worked if worked else None

    def _work(self, reader: str) -> float:
        return self.work.get(reader, 1.0)


class Progress:
    """Tells how far a comparison is. Use as a context manager, with `on_batch` given to `compare`.

    `done` is how many of the answers need no asking, and how many of those are failures.
    """

    def __init__(
        self,
        missing: Mapping[str, frozenset[str]],
        total: int,
        stream: TextIO | None = None,
        work: Mapping[str, float] | None = None,
        done: tuple[int, int] = (0, 0),
        lanes: int = 1,
    ) -> None:
        self._lanes = lanes
        self.pace = Pace(missing, work or {})
        self._total = total
        self._count, self._failed = done
        self._stream = stream or sys.stderr
        self._last = self._told = time.monotonic()
        self._bar = _bar(total, self._stream) if self._stream.isatty() else None

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
        if self._count:
            self._tell(self._last)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def on_batch(self, reader: str, examples: Sequence[Example], answers: Sequence[Answer]) -> None:
        """Count a finished batch, and what failed of it."""
        now = time.monotonic()
        self._count += len(examples)
        self._failed += sum(answer.error is not None for answer in answers)
        spent = sum(answer.usage.seconds for answer in answers) / self._lanes
        self.pace.add(reader, [example.id for example in examples], now - self._last, spent)
        self._last = now
        self._tell(now)

    def _tell(self, now: float) -> None:
        left = clock(self.pace.seconds_left())
        failed = f", {self._failed:,} failed" if self._failed else ""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=self._count, failed=failed, left=left)
        elif now - self._told >= LINE_EVERY or self._count == self._total:
            self._told = now
            self._stream.write(f"{self._count:,}/{self._total:,} answers{failed}, {left} left\n")
            self._stream.flush()


class Lines:
    """Tells of a count on stderr, a line now and then, with the time left at the pace so far; `what` is counted."""

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._began = self._told = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        """So many are there, of so many."""
        now = time.monotonic()
        if now - self._told >= LINE_EVERY or done == of:
            self._told = now
            left = (now - self._began) * (of - done) / done
            self._stream.write(f"{done:,}/{of:,} {self._what}, {clock(left)} left\n")
            self._stream.flush()


def clock(seconds: float | None) -> str:
    """Write seconds as people do: 45 s, or 3 min 05 s."""
    if seconds is None:
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _bar(total: int, stream: TextIO) -> "RichProgress":
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        BarColumn(),
        TextColumn(
            "{task.completed:,.0f}/{task.total:,} answers{task.fields[failed]}, {task.fields[left]} left"
        ),
        console=Console(file=stream),
        transient=True,
    )
    bar.add_task("answers", total=total, failed="", left=clock(None))
    return bar
