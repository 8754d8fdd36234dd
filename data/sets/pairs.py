"""Texts that are one JSON object of keys and values, made as long as asked, with questions on some of the pairs."""

import random
from collections.abc import Callable, Iterable, Sequence

from langchain_core.documents import Document

from rlc.data.errors import UsageError
from rlc.data.protocols import Tokenizer
from rlc.data.records import Dataset, Example, Wording
from rlc.data.sets.card import Card
from rlc.data.sets.haystack import BUNDLED, each, gold, load_haystack, made

Pair = tuple[str, str]
Ask = Callable[[str, str, int, int, Tokenizer, random.Random], Example]  # of id, part, length, needles


def make_of_pairs(
    card: Card, part: str, ask: Ask, *, length: int, questions: int, needles: int, seed: int, tokenizer: str
) -> Dataset:
    """Make the questions of a part, each on its own object.

    Args:
        card: of the data set.
        part: the task.
        ask: makes one question.
        length: of the whole prompt and the answer, in tokens.
        questions: how many.
        needles: how many pairs a question is about, as the task takes it.
        seed: of all draws.
        tokenizer: what counts: `approximate`, or a model's name.

    Raises:
        UsageError: where there is no needle, or the length holds too few pairs.
    """
    if needles < 1:
        raise UsageError(f"{card.name}: needles must be at least 1, got {needles}")
    hay = load_haystack(BUNDLED, tokenizer)  # of it only the tokenizer is used
    examples = [
        ask(id_, part, length, needles, hay.tokenizer, draw)
        for id_, draw in each(part, length, questions, seed)
    ]
    settings = {"length": length, "questions": questions, "needles": needles, "seed": seed}
    return made(card, part, examples, settings, hay, 0)


def line(key: str, value: str) -> str:
    """Write a pair as it stands in the object."""
    return f'"{key}": "{value}"'


def check_pairs(count: int, needed: int, part: str, length: int) -> None:
    """Refuse a text in which no pair is left beside those that are asked for.

    Raises:
        UsageError: naming both numbers.
    """
    if count <= needed:
        raise UsageError(f"length={length}: holds {count} pairs, and {part} needs more than {needed}")


def question_on(
    pairs: Iterable[Pair],
    id_: str,
    question: str,
    places: Sequence[int],
    answers: Iterable[str],
    length: int,
    wording: Wording,
) -> Example:
    """Write the object, and make the question whose gold evidence is the pairs at `places`, counted from 0."""
    text, spans = "{", []
    for i, pair in enumerate(pairs):
        text += ",\n " if i else ""
        spans.append((len(text), len(text) + len(line(*pair))))
        text += line(*pair)
    document = Document(
        id=id_, page_content=text + "}", metadata={"kind": "table", "title": id_, "passages": tuple(spans)}
    )
    depth = {"depth": f"{100 * places[0] / len(spans):.0f}"} if len(places) == 1 else {}
    return Example(
        id=id_,
        question=question,
        document=document,
        answers=tuple(answers),
        task=id_.partition("/")[0],
        answerable=True,
        metadata={"length": str(length), **depth},
        gold=gold(document, [spans[i] for i in places]),
        wording=wording,
    )
