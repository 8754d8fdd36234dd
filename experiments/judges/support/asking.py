"""Verdicts from the store and from the judge: what was judged once is not judged again, and a failure is no verdict."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rlc.data.child import ChildDiedError
from rlc.data.errors import SpentError, describe
from rlc.data.lanes import Lanes, Task
from rlc.data.purse import Purse
from rlc.data.records import Answer, Usage
from rlc.data.spec import Spec, fingerprint
from rlc.data.store import AnswerStore, Store
from rlc.experiments.judges.base import NOT_JUDGED, UNPARSED, Case, Judge
from rlc.experiments.judges.support.naming import JUDGE
from rlc.experiments.metrics.pricing import Sheet, paid
from rlc.experiments.scorers.rule import Verdict
from rlc.pipeline.families import BUILDER

BATCH = 32  # answers judged between two writes; a kill loses at most so many
FAILURES = (NOT_JUDGED, UNPARSED)

Keyed = tuple[str, Case]
OnBatch = Callable[[int, int], None]
"""Told how many of the missing verdicts are there, and how many there are to be."""


@dataclass(frozen=True)
class Judging:
    """The work of judging in lanes: a judge's completed spec, or what it asks first of every question; and what models cost."""

    spec: Spec
    first: bool = False
    sheet: Sheet = field(default_factory=dict)

    def judge(self, purse: Purse | None = None) -> Judge:
        """Make the judge, paid from a purse where there is one."""
        builder = replace(BUILDER, finish=paid(BUILDER.finish, self.sheet, purse))
        made: Any = builder.build(self.spec, JUDGE, "judge")
        return made.first if self.first else made  # type: ignore[no-any-return]

    def open(self, store: AnswerStore | None = None) -> Callable[[str, Sequence[Keyed]], list[Verdict]]:
        """Make what judges a batch, whatever it is called."""
        return AtHand(self.judge(None if store is None else store.purse)).open()


@dataclass(frozen=True)
class AtHand:
    """The work of judging with a judge of this process."""

    judge: Judge

    def open(self, store: object = None) -> Callable[[str, Sequence[Keyed]], list[Verdict]]:  # noqa: ARG002
        """Judge a batch, whatever it is called."""
        return lambda _, batch: self.judge([case for _, case in batch])


def key_of(identity: str, case: Case) -> str:
    """What a verdict is stored under: the judge, and all of the case that it is shown."""
    example = case.example
    asked = [example.question, list(example.answers), example.answerable, example.task]
    return fingerprint([identity, *asked, case.answer.text, case.read, case.rival, list(case.facts)])


def verdicts_of(
    cases: Mapping[str, Case],
    work: Judging,
    store: Store,
    lanes: Lanes,
    *,
    resume: bool = True,
    on_batch: OnBatch = lambda *_: None,
) -> dict[str, Verdict]:
    """A verdict for every case, by its key: what is stored is not asked for, and a new one is stored as it comes.

    Where the judge failed no verdict is stored, and the next time asks again; what the failure cost is kept, and the verdict
    that is given at last has cost that too.

    Raises:
        EngineUnavailableError: if the judge cannot answer at all; verdicts already given are safe.
    """
    there = verdicts_there(cases, store) if resume else {}
    known = {key: one for key, one in there.items() if one.reason not in FAILURES}
    missing = [(key, case) for key, case in cases.items() if key not in known]
    missing.sort(
        key=lambda keyed: keyed[1].example.document_id
    )  # what is read is a prompt's shared beginning
    done = 0
    for batch, verdicts in judged(missing, work, lanes, store):
        fresh = {
            key: replace(one, usage=there[key].usage.then(one.usage)) if key in there else one
            for (key, _), one in zip(batch, verdicts, strict=True)
        }
        store.put(dict(_kept(key, one) for key, one in fresh.items()))
        known |= fresh
        done += len(batch)
        on_batch(done, len(missing))
    return known


def verdicts_there(cases: Mapping[str, Case], store: Store) -> dict[str, Verdict]:
    """A verdict for every case as far as they are stored; else that there is none, with the cost of attempts that failed."""
    paid = {key: one.usage for key, one in store.get([_failed(key) for key in cases]).items()}
    none = {key: Verdict(None, 0.0, NOT_JUDGED, usage=paid.get(_failed(key), Usage())) for key in cases}
    return none | {key: _verdict(one) for key, one in store.get(list(cases)).items()}


def judged(
    missing: Sequence[Keyed], work: Judging | AtHand, lanes: Lanes, store: Store | None = None
) -> Iterator[tuple[Sequence[Keyed], list[Verdict]]]:
    """Judge in batches, here or in lanes: each batch with its verdicts, as they arrive.

    A batch is paid all or none: the last of what may be spent goes for one answer after the other.

    Raises:
        SpentError: before a verdict that cannot be paid.
    """
    left = dict(missing)
    for size in (BATCH, 1):
        rest = list(left.items())
        tasks = [Task(["judge"], rest[start : start + size]) for start in range(0, len(rest), size)]
        try:
            for _, batch, found in lanes.run(work, tasks, store) if tasks else ():
                for key, _ in batch:
                    del left[key]
                if isinstance(found, ChildDiedError):
                    found = [Verdict(None, 0.0, NOT_JUDGED, {"error": describe(found)})] * len(batch)
                yield batch, found
        except SpentError:
            if size == 1:
                raise


def _failed(key: str) -> str:
    """What the cost of attempts that failed is stored under."""
    return fingerprint([key, "failed"])


def _kept(key: str, verdict: Verdict) -> tuple[str, Answer]:
    """A verdict as it is stored, and under which key; of a failure that is its cost alone."""
    if verdict.reason in FAILURES:
        return _failed(key), Answer("", "", usage=verdict.usage)
    told = {"correct": verdict.correct, "score": verdict.score, "source": dict(verdict.source)}
    return key, Answer(verdict.reason, "", usage=verdict.usage, details=told)


def _verdict(kept: Answer) -> Verdict:
    return Verdict(**kept.details, reason=kept.text, usage=kept.usage)
