"""Splitting examples between two readers and merging the answers."""

from collections.abc import Sequence

from rlc.data.protocols import Reader
from rlc.data.records import Answer, Example


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
