"""Readers in lanes: a run's batches are answered in other processes, and stored by this one."""

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from rlc.data.child import ChildDiedError
from rlc.data.lanes import DEADLY, Lanes, Task, Work
from rlc.data.protocols import Reader
from rlc.data.records import Answer, Example
from rlc.data.spec import Finish, Spec
from rlc.data.store import AnswerStore, Store
from rlc.experiments.metrics.pricing import Sheet, paid
from rlc.experiments.runs.loop import Schedule, answer_each
from rlc.pipeline.families import BUILDER
from rlc.pipeline.recipe import build_readers

Answerer = Callable[[str, Sequence[Example]], list[Answer]]
"""What answers a batch by a reader's name."""


@dataclass(frozen=True)
class Reading:
    """The work of answering: the readers of completed specs, each lane with its own, and what their models cost."""

    specs: Mapping[str, Spec]
    sheet: Sheet = field(default_factory=dict)

    def open(self, store: AnswerStore, finish: Finish = BUILDER.finish) -> Answerer:
        """Make the readers; a batch is answered by the one of the name."""
        readers = build_readers(self.specs, store, paid(finish, self.sheet, store.purse))
        mistakes: Counter[str] = Counter()
        return lambda name, batch: answer_each(readers[name], batch, mistakes)


def answer_in_lanes(
    lanes: Lanes,
    work: Work,
    readers: Mapping[str, Reader],
    schedule: Schedule,
    missing: Mapping[str, frozenset[str]],
    store: Store,
    take: Callable[[Any], list[Answer]] = list,
) -> Generator[tuple[str, Sequence[Example], list[Answer]]]:
    """Answer a schedule in lanes: a reader's name, a batch, its answers, as they arrive.

    Batches of which a reader has nothing to ask come first, from `readers` of this process and the store. The others
    go to lanes, all readers that the schedule asks in a row about a batch to one lane.

    Args:
        lanes: how many, and where.
        work: the readers, as lanes make them, such as `Reading`.
        readers: those of this process, by the same names.
        schedule: who is asked what, in turn.
        missing: the ids of the questions that each reader is to be asked.
        store: where answers are kept.
        take: makes answers of what the work finds.

    Raises:
        RlcError: what would fail every question alike.
        EngineUnavailableError: if all lanes died.
    """
    asked = []
    for name, batch in schedule:
        if missing[name].isdisjoint(example.id for example in batch):
            yield name, batch, answer_each(readers[name], batch)
        else:
            asked.append((name, batch))
    in_a_row = [list(group) for _, group in groupby(asked, key=lambda pair: [one.id for one in pair[1]])]
    tasks = [Task([name for name, _ in group], group[0][1]) for group in in_a_row]
    for name, batch, found in lanes.run(work, tasks, store):
        yield name, batch, _failed(batch, found) if isinstance(found, ChildDiedError) else take(found)


def _failed(batch: Sequence[Example], death: ChildDiedError) -> list[Answer]:
    error = f"WorkerDied: {DEADLY} processes that read this document ended, the last one: {death}; the same command asks again"
    return [Answer("", "", finish_reason="error", error=error) for _ in batch]
