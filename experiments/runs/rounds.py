"""Rounds: a comparison shows how it stands after two documents, and whenever there are twice as many.

Rounds are made of whole documents, so that no document is read twice for being asked about early, and documents come in
an order of which every beginning is a fair sample.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from rlc.data.records import Example, by_document
from rlc.experiments.runs.selection import draw, turns

FIRST = 2  # documents: between fewer there is no interval
PAUSE = 10.0  # seconds from one round to the next: stored answers come fast


@dataclass(frozen=True)
class Standing:
    """How a comparison stands: the readers' summaries over the questions that all of them have answered.

    `documents` are those of these questions, of so many in all.
    """

    summaries: Sequence[dict[str, Any]]
    documents: int
    of: int


OnRound = Callable[[Standing], None]


def in_rounds(examples: Sequence[Example], seed: int = 0) -> list[Example]:
    """The questions document by document, documents of each sort in turn, in random order; the same for the same seed.

    A sort is the documents of one length and type, and of one task where all questions on a document have one.
    """
    documents = by_document(examples)
    turn = turns({name: _sort(asked) for name, asked in documents.items()}, seed)
    order = sorted(documents, key=lambda name: (turn[name], draw(seed, name), name))
    return [example for name in order for example in documents[name]]


def _sort(asked: Sequence[Example]) -> str:
    tasks = {example.task for example in asked}
    metadata = asked[0].metadata
    return f"{metadata.get('length')}\0{metadata.get('type')}\0{tasks.pop() if len(tasks) == 1 else ''}"


class Rounds:
    """Tell when a round is over.

    Args:
        examples: all that are asked.
        readers: how many answer each.
        now: the time, in seconds.
        kept: the examples, by id, that a reader need not answer, for each reader that has such.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        readers: int,
        now: Callable[[], float] = time.monotonic,
        kept: Iterable[Set[str]] = (),
    ) -> None:
        self._missing = Counter(example.document_id for example in examples for _ in range(readers))
        for ids in kept:
            self._missing.subtract(example.document_id for example in examples if example.id in ids)
        self._now = now
        self._next, self._last = FIRST, float("-inf")
        self.of, self._done = len(self._missing), len(self.documents)

    @property
    def documents(self) -> set[str]:
        """Find the documents on which every reader has answered every question."""
        return {name for name, missing in self._missing.items() if missing == 0}

    def is_over(self, answered: Sequence[Example]) -> bool:
        """Whether the answers of one reader to these examples end a round; the last one ends with the run."""
        self._missing.subtract(example.document_id for example in answered)
        # Counted as they end: a look at all documents for every batch would grow with their square.
        self._done += sum(not self._missing[name] for name in {example.document_id for example in answered})
        if not self._next <= self._done < self.of or self._now() - self._last < PAUSE:
            return False
        self._next, self._last = 2 * self._done, self._now()
        return True
