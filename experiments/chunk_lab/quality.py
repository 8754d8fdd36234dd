"""Which chunks hold the answer at an equal price? Recall against tokens read, on silver evidence.

Every question is searched for inside its own document. The ranked chunks are read best first while they fit into a
budget of tokens; a question counts if what was read holds its gold strings (`rlc.experiments.metrics.evidence`), in
one chunk or in several together. Chance is high, so random chunks and the oracle stand beside every method.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.documents import Document

from rlc.chunkers.base import Chunker
from rlc.data.errors import DataError
from rlc.data.protocols import Tokenizer
from rlc.data.records import Dataset, Example, by_document
from rlc.data.tokens import count_once
from rlc.experiments.chunk_lab.ranks import Rank, at_random, fewest_tokens
from rlc.experiments.metrics.evidence import first_rank, silver
from rlc.experiments.runs.selection import drawn_evenly
from rlc.experiments.statistics.intervals import Difference, correct, difference, estimate
from rlc.experiments.study.chunking import ORACLE, RANDOM, CurveSummary, Point
from rlc.retrievers.base import id_of

LOCATION = "location"  # the task of questions whose answer stands in one place
DEPTH = 200  # chunks ranked: 4,000 tokens in pieces of 20


@dataclass(frozen=True)
class TokensRead:
    """One question under one method.

    `needed` is how many tokens are read, best first, until the gold is held (infinite: never), `read` how many
    fit into each budget, `whole` how many the document has.
    """

    question: str
    document: str
    needed: float
    read: Mapping[int, int]
    whole: int

    def hit(self, budget: int) -> float:
        """Whether what fits into the budget holds the gold, as 0 or 1."""
        return float(self.needed <= budget)

    def mean_hit(self) -> float:
        """The mean of that over the budgets: the height of the question's curve."""
        return sum(map(self.hit, self.read)) / len(self.read)


@dataclass(frozen=True)
class Curve:
    """The readings of one chunker under one ranking, in the questions' order."""

    chunker: str
    ranking: str
    readings: Sequence[TokensRead]


def questions(dataset: Dataset, documents: int | None = None, seed: int = 0) -> list[Example]:
    """The location questions that the rule can decide, on at most so many documents, drawn evenly over their kinds.

    Raises:
        DataError: if none is left.
        ValueError: if `documents` is not positive.
    """
    asked = [example for example in dataset.examples if example.task == LOCATION]
    if not asked:
        tasks = ", ".join(sorted({repr(example.task) for example in dataset.examples}))
        raise DataError(
            f"none of the {len(dataset.examples)} questions asks for one place in its document: such questions have the task "
            f'\'{LOCATION}\', and these have {tasks or "none"}; write "task": "{LOCATION}" into the lines of questions.jsonl '
            "whose answer stands in the document word for word"
        )
    gold = silver(asked)
    kept = [example for example in asked if example.id in gold]
    if not kept:
        raise DataError(
            f"none of the {len(asked)} location questions can be decided by rule: the answer must be a number or a few words "
            "that the document holds; choose other questions"
        )
    if documents is None:
        return kept
    if documents < 1:
        raise ValueError(f"expected at least 1 document, got {documents}")
    kinds = {example.document_id: str(example.document.metadata.get("kind")) for example in kept}
    chosen = drawn_evenly(kinds, documents, seed)
    return [example for example in kept if example.document_id in chosen]


def curves(
    name: str,
    chunker: Chunker,
    rankings: Mapping[str, Rank],
    examples: Sequence[Example],
    tokenizer: Tokenizer,
    budgets: Sequence[int],
    seed: int = 0,
) -> list[Curve]:
    """One chunker's curves: of every ranking, of random passages and of the oracle.

    `examples` are those that `questions` gave. What is read is counted by `tokenizer`, once for every passage;
    overlapping passages are both counted.

    Raises:
        ValueError: if a budget is not positive, or there is none.
    """
    if not budgets or min(budgets) < 1:
        raise ValueError(f"expected budgets of at least 1 token, got {list(budgets)}")
    gold = silver(examples)
    readings: dict[str, dict[str, TokensRead]] = defaultdict(dict)
    for document, asked in by_document(examples).items():
        chunks = chunker.transform_documents([asked[0].document])
        passages = read_as(chunks, asked[0].document.page_content)
        tokens = {passage.id: tokenizer.count(passage.page_content) for passage in passages}
        whole = count_once(tokenizer, asked[0].document.page_content)
        for ranking, found in _ranked(chunks, passages, tokens, rankings, asked, gold, seed):
            for example, ranked in zip(asked, found, strict=True):
                needed, read = _read(ranked, tokens, gold[example.id], budgets)
                readings[ranking][example.id] = TokensRead(example.id, document, needed, read, whole)
    return [
        Curve(name, ranking, [by_question[example.id] for example in examples])
        for ranking, by_question in readings.items()
    ]


def joined(parts: Iterable[Curve], examples: Sequence[Example]) -> list[Curve]:
    """Join curves of some questions each into those of all: a curve a chunker and ranking, in the questions' order."""
    readings: dict[tuple[str, str], dict[str, TokensRead]] = defaultdict(dict)
    for part in parts:
        readings[part.chunker, part.ranking] |= {one.question: one for one in part.readings}
    return [
        Curve(chunker, ranking, [by_question[example.id] for example in examples])
        for (chunker, ranking), by_question in readings.items()
    ]


def read_as(chunks: Sequence[Document], text: str) -> list[Document]:
    """The passages that are read where these chunks are found, in the chunks' order, each once.

    A chunk that is read in other words than its slice's is read in those; one that knows its `parents` as the nearest of
    them; any other as its own slice of `text`.
    """
    passages: dict[str, Document] = {}
    for chunk in chunks:
        place = chunk.metadata
        start, end = (place.get("parents") or [(place["start_index"], place["end_index"])])[0]
        written = place.get("text_to_read")
        id_ = f"{place['source']}:{start}-{end}" if written is None else id_of(chunk)
        if id_ not in passages:
            passages[id_] = Document(
                id=id_, page_content=text[start:end] if written is None else str(written)
            )
    return list(passages.values())


def _ranked(
    chunks: Sequence[Document],
    passages: Sequence[Document],
    tokens: Mapping[str | None, int],
    rankings: Mapping[str, Rank],
    asked: Sequence[Example],
    gold: Mapping[str, tuple[str, ...]],
    seed: int,
) -> Iterator[tuple[str, list[list[Document]]]]:
    """The passages of each question, best first, by ranking."""
    text = asked[0].document.page_content
    for name, rank in rankings.items():
        yield name, [read_as(found, text) for found in rank(chunks, asked)]
    yield RANDOM, at_random(seed, DEPTH)(passages, asked)
    yield ORACLE, [fewest_tokens(passages, tokens, gold[example.id]) for example in asked]


def _read(
    ranked: Sequence[Document], tokens: Mapping[str | None, int], gold: Sequence[str], budgets: Sequence[int]
) -> tuple[float, dict[int, int]]:
    """Tokens until the gold is held, and tokens that fit into each budget; beyond the largest nothing is looked at."""
    totals = np.cumsum([0, *(tokens[passage.id] for passage in ranked)])
    fits = {budget: int(np.searchsorted(totals, budget, side="right")) - 1 for budget in budgets}
    texts = [passage.page_content for passage in ranked[: fits[max(budgets)]]]
    first = first_rank(texts, gold)
    return (
        math.inf if first is None else float(totals[first]),
        {budget: int(totals[n]) for budget, n in fits.items()},
    )


def table(measured: Sequence[Curve]) -> list[CurveSummary]:
    """The curves with intervals clustered by document, and their gains on the first chunker, Holm-corrected."""
    first = {curve.ranking: curve for curve in measured if curve.chunker == measured[0].chunker}
    gains: dict[tuple[str, str], Difference] = {}
    for curve in measured:
        if curve.chunker != measured[0].chunker and curve.ranking not in (RANDOM, ORACLE):
            gains[curve.chunker, curve.ranking] = difference(
                [reading.mean_hit() for reading in curve.readings],
                [reading.mean_hit() for reading in first[curve.ranking].readings],
                [reading.document for reading in curve.readings],
            )
    corrected = dict(zip(gains, correct(list(gains.values())), strict=True))
    return [
        CurveSummary(
            curve.chunker,
            curve.ranking,
            points(curve),
            estimate(
                [reading.mean_hit() for reading in curve.readings],
                [reading.document for reading in curve.readings],
            ),
            corrected.get((curve.chunker, curve.ranking)),
        )
        for curve in measured
    ]


def points(curve: Curve) -> list[Point]:
    """The curve's points, by budget."""
    documents = [reading.document for reading in curve.readings]
    return [
        Point(
            budget,
            estimate([reading.hit(budget) for reading in curve.readings], documents),
            float(np.mean([reading.read[budget] for reading in curve.readings])),
            float(np.mean([reading.read[budget] / reading.whole for reading in curve.readings])),
        )
        for budget in curve.readings[0].read
    ]
