"""Splitting examples between readers, merging their answers, and charging for all that were asked."""

from collections.abc import Sequence
from dataclasses import replace

from rlc.data.protocols import Reader
from rlc.data.records import Answer, Example, Usage


def answer_split(
    examples: Sequence[Example], to_long: Sequence[bool], rag: Reader, long: Reader
) -> list[Answer]:
    """Let `long` answer where `to_long` is true and `rag` elsewhere; answers in the order of the examples.

    Raises:
        ValueError: if there is not one choice for each example.
    """
    if len(to_long) != len(examples):
        raise ValueError(
            f"expected one choice an example, got {len(to_long)} choices for {len(examples)} examples"
        )
    answers: dict[int, Answer] = {}
    for reader, wanted in ((rag, False), (long, True)):
        places = [i for i, choice in enumerate(to_long) if bool(choice) is wanted]  # numpy's own too
        if places:
            answers |= zip(places, reader([examples[i] for i in places]), strict=True)
    return [answers[i] for i in range(len(examples))]


def ask_where(examples: Sequence[Example], wanted: Sequence[bool], reader: Reader) -> list[Answer | None]:
    """Let a reader answer the examples that are wanted; None for the others."""
    places = [i for i, want in enumerate(wanted) if want]
    given = dict(zip(places, reader([examples[i] for i in places]) if places else [], strict=True))
    return [given.get(i) for i in range(len(examples))]


def paid(answer: Answer, *others: Answer) -> Answer:
    """Charge an answer also for others that were asked before it: it begins when the last of them has ended."""
    return replace(answer, usage=Usage.total([*(other.usage for other in others), answer.usage]))


def chosen(answer: Answer, *others: Answer) -> Answer:
    """Charge an answer for all that were heard before it was chosen: none of it is there before the last ends."""
    usage = Usage.total([*(other.usage for other in others), answer.usage])
    first = None if usage.first_token_seconds is None else usage.seconds
    return replace(answer, usage=replace(usage, first_token_seconds=first))
