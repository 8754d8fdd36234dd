"""Units: pieces of a text that stand in a prompt under numbers, by which a model can name them."""

import re
from collections.abc import Sequence

from rlc.chunkers.passages import PassagesChunker
from rlc.data.errors import ContextOverflowError
from rlc.data.protocols import Tokenizer
from rlc.data.records import Document
from rlc.pipeline.readers.support.moves import pieces_of

_REPLY = re.compile(r"^(?P<named>.*?)(?<![A-Za-z])ANSWER\W*[:：]\s*(?P<said>\S.*)", re.IGNORECASE | re.DOTALL)


def units_of(document: Document, size: int, tokenizer: Tokenizer) -> list[Document]:
    """The passages that the document's data set marks, else pieces of at most `size` tokens, under its title."""
    if "passages" in document.metadata:
        return PassagesChunker().split(document)
    title = {"title": document.metadata["title"]} if "title" in document.metadata else {}
    return [
        Document(id=piece.id, page_content=piece.page_content, metadata={**title, **piece.metadata})
        for piece in pieces_of(document, size, tokenizer)
    ]


def fitting(sizes: Sequence[int], room: int) -> list[int]:
    """The places of the units that fit into `room` tokens, taken from the beginning and the end in turn; ascending.

    Raises:
        ContextOverflowError: if there is none.
    """
    kept: list[int] = []
    for turn in range(len(sizes)):
        i = turn // 2 if turn % 2 == 0 else len(sizes) - 1 - turn // 2
        room -= sizes[i]
        if room < 0:
            break
        kept.append(i)
    if not kept:
        raise ContextOverflowError(
            f"no unit fits: the first has {sizes[0]} tokens, and {max(0, room + sizes[0])} are left beside the question; "
            "use smaller units or fewer examples, or a longer window"
        )
    return sorted(kept)


def numbers_in(said: str, below: int) -> list[int]:
    """The units (from 0) that a reply such as "[2, 5]" names by number (from 1), each once, in its order.

    >>> numbers_in("I want pages 3 and 12, and 3.", 5)
    [2]
    """
    named = [int(number) - 1 for number in re.findall(r"\d{1,9}", said)]
    return [place for place in dict.fromkeys(named) if 0 <= place < below]


def named_and_said(reply: str) -> tuple[str, str]:
    """What a reply says before the word `ANSWER:`, where it names units, and the answer; without that word it is all answer.

    >>> named_and_said("UNITS: [3] ANSWER: Cyd.")
    ('UNITS: [3] ', 'Cyd.')
    """
    found = _REPLY.match(reply)
    return (found["named"], found["said"].strip()) if found else ("", reply)
