"""Draws of passages: where questions are asked from, spread over documents and over each of them."""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from rlc.chunkers import RecursiveChunker
from rlc.data.records import Document
from rlc.experiments.asking.made import Passage

SIZE = 256  # tokens of a passage, approximate


def cut(document: Document, size: int = SIZE) -> list[Passage]:
    """A document's passages, in order."""
    chunks = RecursiveChunker(size=size, overlap=0).split(document)
    return [Passage(document, one.metadata["start_index"], one.metadata["end_index"]) for one in chunks]


def draws(
    documents: Mapping[str, Document], kinds: Sequence[str], seed: int
) -> Iterator[tuple[str, tuple[Passage, ...]]]:
    """Yield kinds with passages to ask about, without end: documents and kinds take turns, places are drawn anew.

    A comparison has two passages of one document, the others have one. No passage is drawn twice for a kind until all of its
    document were.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    passages = {name: found for name in sorted(documents) if (found := cut(documents[name]))}
    left: dict[tuple[str, str], list[Passage]] = {}
    idle = 0  # turns without a passage: where every kind had its turn at every document, there is none
    for turn in count():
        for place, (name, all_of_it) in enumerate(passages.items()):
            kind = kinds[(turn + place) % len(kinds)]
            wanted = 2 if kind == "comparison" else 1
            if len(all_of_it) < wanted:
                idle += 1
                continue
            idle = 0
            pile = left.setdefault((name, kind), [])
            if len(pile) < wanted:
                pile[:] = draw.sample(all_of_it, len(all_of_it))
            yield kind, tuple(sorted((pile.pop() for _ in range(wanted)), key=lambda one: one.start))
        if idle >= len(kinds) * len(passages):
            return
