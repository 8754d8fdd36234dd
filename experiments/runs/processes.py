"""Several processes answer one comparison: documents are handed out, answers come back to the one process that writes.

A worker builds readers of its own and is given one batch at a time, all questions of a document (or of a few), so that
a kept prefix still pays. What it would store it sends to the process that started it, which alone writes to the store
and to the results: a killed worker can neither hold a lock nor leave half a batch, and a full disk is one message.
Workers read the store themselves, so that a router finds its arms' earlier answers.
"""

import contextlib
import os
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from rlc.data.child import Child, ChildDiedError, heard, messages
from rlc.data.errors import EngineUnavailableError, RlcError
from rlc.data.protocols import Reader
from rlc.data.records import Answer, Example
from rlc.data.spec import Spec
from rlc.data.store import Store, unseal
from rlc.experiments.runs.loop import answer_each
from rlc.pipeline.recipe import build_readers

GRACE = 5.0  # seconds that workers get to end by themselves
HURRY = 0.3  # the same where the run was broken off: what they have answered is stored


class SendingStore(Store):
    """A worker's view of the store: it reads the file, and hands on what it would write."""

    def __init__(
        self, folder: Path, send: Callable[[Mapping[str, str]], None], renewed: Collection[str] = ()
    ) -> None:
        super().__init__(folder)
        self._send = send
        self._own: dict[str, str] = {}
        self.renew(list(renewed))

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key; this worker's own among them."""
        own = {key: unseal(key, self._own[key]) for key in keys if key in self._own}
        return super().get([key for key in keys if key not in own]) | own

    def forget_own(self) -> None:
        """Let go of what was sent, once it is in the file."""
        self._own.clear()

    def write(self, rows: Mapping[str, str]) -> None:
        """Send them to be kept."""
        self._own |= rows
        self._send(rows)

    def _salvage(self, error: sqlite3.DatabaseError) -> None:
        """Only the process that writes may replace the file."""
        raise error


@dataclass(frozen=True)
class Begin:
    """What a worker is told first: whose answers are wanted, where the store is and which of its answers are void."""

    specs: Mapping[str, Spec]
    folder: Path
    renewed: Collection[str]


@dataclass(frozen=True)
class Keep:
    """Sealed answers for the store, by key."""

    rows: Mapping[str, str]


@dataclass(frozen=True)
class Answered:
    """A reader's answers to the batch at hand."""

    reader: str
    answers: list[Answer]


@dataclass(frozen=True)
class Done:
    """The batch is finished: another, please."""


@dataclass(frozen=True)
class Stop:
    """What would fail every question alike."""

    error: RlcError


@dataclass
class Worker:
    """A process, and the batch that it is at with the readers that have not answered yet."""

    child: Child
    batch: Sequence[Example] = ()
    open: list[str] = field(default_factory=list)

    def give(self, batch: Sequence[Example], names: Sequence[str]) -> None:
        """Hand over a batch."""
        self.batch, self.open = batch, list(names)
        self.child.send(list(batch))


@dataclass
class Pool:
    """Workers as readers: give `readers` and `schedule` to `rlc.experiments.runs.compare.compare`.

    Batches that the store answers whole are not handed out: `stored` answers them in this process. A worker that dies
    fails the questions that it was at, and the others go on without it; where none is left, the run stops.

    Args:
        specs: completed specs of the readers.
        stored: the readers of this process, by the same names.
        store: where answers are kept.
        folder: the store's folder, for the workers.
        count: workers at most.
    """

    specs: Mapping[str, Spec]
    stored: Mapping[str, Reader]
    store: Store
    folder: Path
    count: int
    _arrived: dict[str, list[Answer]] = field(default_factory=dict)
    _workers: list[Worker] = field(default_factory=list)

    @property
    def readers(self) -> dict[str, Reader]:
        """Readers that hand out what has arrived for them, and else ask the stored one."""
        return {name: self._reader(name) for name in self.specs}

    def _reader(self, name: str) -> Reader:
        def read(examples: Sequence[Example], /) -> list[Answer]:
            return self._arrived.pop(name, None) or self.stored[name](examples)

        return read

    def schedule(
        self, batches: Sequence[Sequence[Example]], missing: Mapping[str, frozenset[str]]
    ) -> Generator[tuple[str, Sequence[Example]], None, None]:
        """Who has answered what, in turn as it arrives; batches of which nothing is missing come first.

        Raises:
            RlcError: what a worker met that would fail every question alike.
            EngineUnavailableError: if all workers died.
        """
        wanted = frozenset().union(*missing.values())
        waiting = deque(batch for batch in batches if wanted.intersection(example.id for example in batch))
        for batch in batches:
            if not wanted.intersection(example.id for example in batch):
                yield from ((name, batch) for name in self.specs)
        grace = HURRY
        try:
            for _ in range(min(self.count, len(waiting))):
                self._workers.append(self._start())
                self._workers[-1].give(waiting.popleft(), list(self.specs))
            yield from self._listen(waiting)
            if waiting:
                raise EngineUnavailableError(
                    f"all {self.count} workers died, {len(waiting)} batches before the end; what is answered is "
                    "stored. Try fewer --workers if memory is what was missing, then run the same command again"
                )
            grace = GRACE
        finally:
            self._stop(time.monotonic() + grace)

    def _stop(self, end: float) -> None:
        """End the workers, the latest at `end` on the monotonic clock: idle ones leave by themselves."""
        for worker in self._workers:
            worker.child.connection.close()
            if worker.batch:
                worker.child.terminate()
        for worker in self._workers:
            worker.child.end(max(0.0, end - time.monotonic()))

    def _listen(self, waiting: deque[Sequence[Example]]) -> Iterator[tuple[str, Sequence[Example]]]:
        """Take messages until no worker is at anything."""
        while busy := {worker.child: worker for worker in self._workers if worker.batch}:
            for child in heard(busy):
                yield from self._receive(busy[child], waiting)

    def _receive(
        self, worker: Worker, waiting: deque[Sequence[Example]]
    ) -> Iterator[tuple[str, Sequence[Example]]]:
        """Take one message of a worker: answers to store or hand on, the end of a batch, an error."""
        try:
            said = worker.child.receive()
        except ChildDiedError:
            yield from self._mark_dead(worker)
            return
        if isinstance(said, Keep):
            self.store.write(said.rows)
        elif isinstance(said, Answered):
            worker.open.remove(said.reader)
            self._arrived[said.reader] = said.answers
            yield said.reader, worker.batch
        elif isinstance(said, Stop):
            raise said.error
        elif waiting:
            worker.give(waiting.popleft(), list(self.specs))
        else:
            worker.batch = ()

    def _mark_dead(self, worker: Worker) -> Iterator[tuple[str, Sequence[Example]]]:
        """Fail the questions that a dead worker was at, with how it ended."""
        error = (
            f"WorkerDied: the process that read this document ended ({worker.child.ending()}); the same command asks "
            "again"
        )
        batch, worker.batch = worker.batch, ()
        for name in worker.open:
            self._arrived[name] = [Answer("", "", finish_reason="error", error=error) for _ in batch]
            yield name, batch

    def _start(self) -> Worker:
        threads = str(max(1, (os.cpu_count() or 1) // self.count))
        child = Child(
            f"{__name__}:work",
            "a worker",
            environment={"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)},
        )
        child.send(Begin(dict(self.specs), self.folder, self.store.renewed))
        return Worker(child)


def work(connection: Connection) -> None:
    """A worker's whole life: batches in, answers out, until the connection closes."""
    begin: Begin = connection.recv()
    store = SendingStore(begin.folder, lambda rows: connection.send(Keep(dict(rows))), begin.renewed)
    try:
        readers = build_readers(begin.specs, store)
        mistakes: Counter[str] = Counter()
        for batch in messages(connection):
            store.forget_own()  # what was sent before this batch was handed out is in the file
            for name, reader in readers.items():
                connection.send(Answered(name, answer_each(reader, batch, mistakes)))
            connection.send(Done())
    except RlcError as error:
        with contextlib.suppress(OSError):
            connection.send(Stop(error))
    except ConnectionError:  # nobody listens any more
        return
    finally:
        store.close()
