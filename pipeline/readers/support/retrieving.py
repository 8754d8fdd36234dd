"""Seeing what a reader retrieves before it reads: routers decide by it, and nothing is searched for twice."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from rlc.data.errors import UnsupportedError
from rlc.data.protocols import Reader
from rlc.data.records import Evidence, Example, Usage


class Found(NamedTuple):
    """The passages that a reader would read for one question, best first, and what finding them cost."""

    evidence: tuple[Evidence, ...]
    usage: Usage = Usage()


@runtime_checkable
class Retrieving(Protocol):
    """A reader that can show what it retrieves."""

    def retrieve(self, examples: Sequence[Example], /) -> list[Found]:
        """What it would read, in order, one each; answering the same examples next costs no second search."""
        ...


def retrieve(reader: Reader, examples: Sequence[Example]) -> list[Found]:
    """What a reader retrieves for the examples.

    Raises:
        UnsupportedError: if it does not show it.
    """
    if not isinstance(reader, Retrieving):
        raise UnsupportedError(
            f"{type(reader).__name__} does not show what it retrieves, and this router decides by that: give it a "
            "method `retrieve(examples)` (see rlc.pipeline.readers.support.retrieving), or take the router `length`"
        )
    return reader.retrieve(examples)
