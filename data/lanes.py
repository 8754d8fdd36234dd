"""Lanes: work that is done side by side, in processes of this machine or in actors of a Ray cluster.

A lane is asked for one batch at a time and stores nothing: it asks for what is known, and hands on what is new as soon
as it is there. The process that started it alone writes, so that a killed lane can neither hold a lock nor leave half
an answer, and hosts need share no file.
"""

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from rlc.data.child import ChildDiedError
from rlc.data.errors import EngineUnavailableError, RlcError, SpentError, UsageError
from rlc.data.lazy import load

if TYPE_CHECKING:  # options of commands are these lanes, and `rlc --help` waits for no store
    from rlc.data.records import Answer
    from rlc.data.store import Store

GRACE = 5.0  # seconds that lanes get to end by themselves
HURRY = 0.3  # the same where the run was broken off: what they have answered is stored
DEADLY = 2  # lanes that a batch may cost before it is given up
OPENERS = {"process": "rlc.data.process_lanes:open_lines", "ray": "rlc.data.ray_lanes:open_lines"}


class Work(Protocol):
    """What lanes do, as plain data: it is sent to every lane, and opened there."""

    def open(self, store: Any) -> Callable[[str, Sequence[Any]], Any]:  # noqa: ANN401 - an AnswerStore, or None
        """Make what does a batch: it is given one of the task's names and the batch, and returns what is found.

        `store` is an `rlc.data.store.AnswerStore` of the answers that the run keeps, if it keeps any.
        """
        ...


@dataclass(frozen=True)
class Task:
    """A batch that stays in one lane, such as a document's questions, and what is done with it by name, in turn.

    `deaths` counts the lanes that ended while they were at it.
    """

    names: Sequence[str]
    batch: Sequence[Any]
    deaths: int = 0


# -- what goes over the line ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """A batch, please, by this name."""

    name: str
    batch: Sequence[Any]


@dataclass(frozen=True)
class Wanted:
    """Which of these answers are known?"""

    keys: Sequence[str]


@dataclass(frozen=True)
class Known:
    """The answers that are, by key, and which of the keys are void."""

    answers: "Mapping[str, Answer]"
    renewed: frozenset[str]


@dataclass(frozen=True)
class Keep:
    """Sealed answers for the store, by key; the reply says that they are kept."""

    rows: Mapping[str, str]


@dataclass(frozen=True)
class Promise:
    """May a call cost so many dollars? The reply is yes or no."""

    dollars: float


@dataclass(frozen=True)
class Settle:
    """A call has cost so much of what was promised; the reply says that it is paid."""

    promised: float
    cost: float


@dataclass(frozen=True)
class Done:
    """The finding of a batch."""

    found: Any


@dataclass(frozen=True)
class Stop:
    """What would fail every batch alike."""

    error: RlcError


class Line(Protocol):
    """The asking process's end: that of a `rlc.data.child.Child`, or of an actor."""

    def send(self, message: object, /) -> None:
        """Say something; whether it arrives, only a reply tells."""
        ...

    def hear(self) -> Any:  # noqa: ANN401 - what the lane says
        """Wait for what the lane says; ChildDiedError once it is gone."""
        ...

    def terminate(self) -> None:
        """Tell it to end though it is at work."""
        ...

    def end(self, grace: float) -> None:
        """End it, after so many seconds by force; what it held is free when this returns."""
        ...


# -- the asking side ------------------------------------------------------------------------------------------------


class Lane:
    """One that does work somewhere, a batch at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._thread = ThreadPoolExecutor(1, "lane")

    def answer(self, name: str, batch: Sequence[Any], known: "Store | None") -> "Future[Any]":
        """Ask for a batch; what comes to be known meanwhile is kept at once.

        The future fails with ChildDiedError where the lane is gone, and with what would fail every batch alike.
        """
        return self._thread.submit(self._ask, Ask(name, batch), known)

    def _ask(self, ask: Ask, known: "Store | None") -> Any:  # noqa: ANN401 - what the work finds
        self._line.send(ask)
        while True:
            said = self._line.hear()
            if known is not None and isinstance(said, Wanted):
                self._line.send(Known(known.get(said.keys), known.renewed.intersection(said.keys)))
            elif known is not None and isinstance(said, Keep):
                known.write(said.rows)
                self._line.send(None)
            elif known is not None and known.purse is not None and isinstance(said, Promise):
                self._line.send(known.purse.promise(said.dollars))
            elif known is not None and known.purse is not None and isinstance(said, Settle):
                known.purse.settle(said.promised, said.cost)
                self._line.send(None)
            elif isinstance(said, Stop):
                raise said.error
            else:
                return said.found

    def end(self, grace: float, at_work: bool) -> None:
        """End it; one that is not at work leaves by itself."""
        if at_work:
            self._line.terminate()
        self._line.end(grace)
        self._thread.shutdown(wait=False)


@dataclass(frozen=True)
class Lanes:
    """How many lanes there are, and where.

    Attributes:
        workers: How many; 1 without a cluster is this process itself.
        cluster: None for processes of this machine; `auto` or an address for actors of a Ray cluster.
        gpus_per_worker: GPUs that each has for itself. None deals out those of this machine evenly; of a cluster, none.
    """

    workers: int = 1
    cluster: str | None = None
    gpus_per_worker: int | None = None

    def __post_init__(self) -> None:
        if self.gpus_per_worker is not None and not self.elsewhere:
            raise UsageError(
                "--gpus-per-worker is of workers, and there are none beside this process, which takes what GPUs it sees: add "
                "--workers 2 or more, or --cluster; CUDA_VISIBLE_DEVICES says what this process sees"
            )

    @property
    def elsewhere(self) -> bool:
        """Whether the work is done in other processes than this one."""
        return self.workers > 1 or self.cluster is not None

    def run(
        self, work: Work, tasks: Sequence[Task], store: "Store | None" = None
    ) -> Generator[tuple[str, Sequence[Any], Any]]:
        """Have the tasks done: each name and batch with what was found, as it arrives.

        One worker without a cluster is this process: it does one task after the other. `store` is what the work asks
        and fills; work that keeps no answers needs none.

        What a lane was at when it died is asked again in another lane, after all else. A batch that has cost
        `DEADLY` lanes is given up: it arrives with the `ChildDiedError` in place of a finding.

        Raises:
            EngineUnavailableError: if all lanes died before the end.
            RlcError: what would fail every batch alike.
        """
        if not self.elsewhere:
            do = work.open(store)
            yield from ((name, task.batch, do(name, task.batch)) for task in tasks for name in task.names)
            return
        if not tasks:
            return
        kind = "process" if self.cluster is None else "ray"
        lines: Iterator[Line] = load(OPENERS[kind])(self, work)
        loop = _Loop(self.workers, lambda: Lane(next(lines)), store, deque(tasks))
        grace = HURRY
        try:
            yield from loop.run()
            grace = GRACE
        finally:
            loop.end(grace)


@dataclass
class _Loop:
    """The one loop over lanes, and what it knows of them."""

    count: int
    start: Callable[[], Lane]
    store: "Store | None"
    waiting: deque[Task]
    lanes: list[Lane] = field(default_factory=list)
    idle: list[Lane] = field(default_factory=list)
    running: "dict[Future[Any], tuple[Lane, Task]]" = field(default_factory=dict)
    spent: SpentError | None = None

    def run(self) -> Iterator[tuple[str, Sequence[Any], Any]]:
        """Hand out the tasks, and take what is found as it arrives."""
        while self._hand_out():
            arrived, _ = wait(self.running, return_when=FIRST_COMPLETED)
            for future in arrived:
                lane, task = self.running.pop(future)
                try:
                    found = future.result()
                except ChildDiedError as death:
                    yield from self._after(death, task)
                    continue
                except SpentError as error:  # what other lanes are at is paid for, and awaited
                    self.spent = error
                    self.waiting.clear()
                    continue
                if self.spent is None and task.names[1:]:
                    self._ask(lane, replace(task, names=task.names[1:]))
                else:
                    self.idle.append(lane)
                    self._hand_out()
                yield task.names[0], task.batch, found
        if self.spent is not None:
            raise self.spent

    def _hand_out(self) -> bool:
        """Give every lane something to do; whether any is at work."""
        while self.waiting and (self.idle or len(self.lanes) < self.count):
            if not self.idle:
                self.lanes.append(self.start())
                self.idle.append(self.lanes[-1])
            self._ask(self.idle.pop(), self.waiting.popleft())
        return bool(self.running)

    def _ask(self, lane: Lane, task: Task) -> None:
        self.running[lane.answer(task.names[0], task.batch, self.store)] = lane, task

    def _after(self, death: ChildDiedError, task: Task) -> Iterator[tuple[str, Sequence[Any], Any]]:
        """Put what a dead lane was at behind all else, or give it up."""
        left = len(self.running) + len(
            self.idle
        )  # a dead lane has no successor: what killed it may kill that too
        warnings.warn(f"{left} of {len(self.lanes)} workers go on: {death}", stacklevel=2)
        task = replace(task, deaths=task.deaths + 1)
        if task.deaths < DEADLY:
            self.waiting.append(task)
        else:
            yield from ((name, task.batch, death) for name in task.names)
        self._hand_out()
        if self.waiting and not self.running:
            raise EngineUnavailableError(
                f"all {len(self.lanes)} workers died, {len(self.waiting)} batches before the end: {death}. "
                "What is answered is stored. Try fewer --workers if memory is what was missing, then run the same command "
                "again"
            ) from death

    def end(self, grace: float) -> None:
        """End all lanes, side by side."""
        at_work = {lane for lane, _ in self.running.values()}
        end = time.monotonic() + grace
        threads = [
            threading.Thread(target=lane.end, args=(max(0.0, end - time.monotonic()), lane in at_work))
            for lane in self.lanes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
