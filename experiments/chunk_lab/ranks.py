"""Ways to rank the chunks of a document, and the yardsticks beside them: chance, the start, the oracle."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.documents import Document

from rlc.chunkers.base import Chunker
from rlc.data.protocols import Tokenizer
from rlc.data.records import Example, by_document
from rlc.experiments.metrics.evidence import holds
from rlc.experiments.runs.selection import draw
from rlc.experiments.statistics.resample import Floats
from rlc.retrievers.base import RetrieverFactory, search

DEPTH = 50  # chunks looked at: ten times five small ones
Rank = Callable[[Sequence[Document], Sequence[Example]], list[list[Document]]]
"""The chunks of one document and questions on it -> the chunks of each question, best first."""


def by(index: RetrieverFactory, depth: int = DEPTH) -> Rank:
    """Rank with a retriever."""
    return lambda chunks, examples: search(index(chunks), [example.question for example in examples], depth)


@dataclass(frozen=True)
class Cut:
    """A document's chunks, the questions on it, and each chunk's share of the document's tokens, by id."""

    examples: Sequence[Example]
    chunks: Sequence[Document]
    shares: Mapping[str | None, float]


def cut(chunker: Chunker, examples: Sequence[Example], tokenizer: Tokenizer) -> list[Cut]:
    """Cut the examples' documents; one cut a document, since ways to rank share it."""
    cuts = []
    for asked in by_document(examples).values():
        whole = asked[0].document
        chunks = chunker.transform_documents([whole])
        total = tokenizer.count(whole.page_content)
        shares = {chunk.id: tokenizer.count(chunk.page_content) / total for chunk in chunks}
        cuts.append(Cut(asked, list(chunks), shares))
    return cuts


def read_shares(rank: Rank, cuts: Sequence[Cut]) -> Iterator[tuple[Example, list[Document], Floats]]:
    """Rank each question's chunks inside its own document.

    Yields:
        Example, its chunks best first, and the share of the document's tokens in the chunks up to each.
    """
    for one in cuts:
        for example, found in zip(one.examples, rank(one.chunks, one.examples), strict=True):
            yield example, found, np.cumsum([one.shares[chunk.id] for chunk in found])


def at_random(seed: int, depth: int = DEPTH) -> Rank:
    """Rank by chance, another draw for every question."""

    def rank(chunks: Sequence[Document], examples: Sequence[Example]) -> list[list[Document]]:
        found = []
        for example in examples:
            own = np.random.default_rng(int(draw(seed, example.id), 16))
            order = own.permutation(len(chunks))[:depth]
            found.append([chunks[i] for i in order])
        return found

    return rank


def from_the_start(chunks: Sequence[Document], examples: Sequence[Example]) -> list[list[Document]]:
    """The chunks as they stand."""
    return [list(chunks[:DEPTH]) for _ in examples]


def oracle(gold: Mapping[str, tuple[str, ...]]) -> Rank:
    """The chunks that hold the most of what is still missing, one after the other."""

    def rank(chunks: Sequence[Document], examples: Sequence[Example]) -> list[list[Document]]:
        return [list(choose(chunks, set(gold[example.id]))) for example in examples]

    def choose(chunks: Sequence[Document], missing: set[str]) -> Iterator[Document]:
        held = [{g for g in missing if holds(chunk.page_content, (g,))} for chunk in chunks]
        while missing:
            best = max(range(len(chunks)), key=lambda i: len(held[i] & missing))
            if not held[best] & missing:
                return
            missing -= held[best]
            yield chunks[best]

    return rank


def fewest_tokens(
    chunks: Sequence[Document], tokens: Mapping[str | None, int], gold: Sequence[str]
) -> list[Document]:
    """The chunks that hold the gold strings together in the fewest tokens; none if all of them do not.

    `tokens` counts each chunk, by its id.
    """
    smallest: dict[frozenset[str], Document] = {}
    for chunk in chunks:
        held = frozenset(g for g in gold if holds(chunk.page_content, (g,)))
        if held and (held not in smallest or tokens[chunk.id] < tokens[smallest[held].id]):
            smallest[held] = chunk
    covers: dict[frozenset[str], tuple[int, list[Document]]] = {frozenset(): (0, [])}
    for held, chunk in smallest.items():
        for covered, (cost, chosen) in list(covers.items()):
            together, total = covered | held, cost + tokens[chunk.id]
            if together not in covers or total < covers[together][0]:
                covers[together] = (total, [*chosen, chunk])
    return covers.get(frozenset(gold), (0, []))[1]
