"""What an agent has done and seen: places of the text that its tools showed, and the log that stands in its prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from rlc.data.protocols import Tokenizer
from rlc.data.records import Document, Evidence, Example
from rlc.pipeline.readers.support.asking import evidence_of
from rlc.pipeline.readers.support.tools import Call


class Place(NamedTuple):
    """Something that can be read: where it stands and what it says."""

    at: Evidence
    text: str

    def shown(self, text: str) -> str:
        """A line that says where it stands, and `text`."""
        return f"[{self.at.start}-{self.at.end}] {text.strip()}"


@dataclass
class ToolLog:
    """What was done and shown, oldest first; what does not fit is forgotten from the front."""

    entries: list[tuple[str, list[Place]]] = field(default_factory=list)
    found: list[Place] = field(default_factory=list)  # by the last search, grep or open
    read: dict[Evidence, None] = field(default_factory=dict)

    def add(self, call: Call, shown: str, places: Sequence[Place] = ()) -> None:
        """Write down a call and what it showed."""
        self.entries.append((f"{call.line}\n{shown}\n\n", list(places)))
        self.read |= dict.fromkeys(place.at for place in places)

    def forget_beyond(self, tokens: int, tokenizer: Tokenizer) -> None:
        """Drop the oldest entries until the others have at most so many tokens."""
        while self.entries and tokenizer.count(self.text) > tokens:
            del self.entries[0]

    @property
    def text(self) -> str:
        """All that is remembered."""
        return "".join(text for text, _ in self.entries)

    def holds(self, call: Call) -> bool:
        """Whether this call, word for word, is among what is remembered."""
        return any(text.startswith(f"{call.line}\n") for text, _ in self.entries)

    def shows(self, place: Place) -> bool:
        """Whether a place stands in what is remembered."""
        return any(place in places for _, places in self.entries)


def places_of(example: Example, passage: Document) -> list[Place]:
    """A passage as a place, if it says where it stands; its score is that of one search, and the place that of all."""
    found = evidence_of(example.document_id, passage)
    return [Place(replace(one, score=None), passage.page_content) for one in found[:1]]


@lru_cache(maxsize=64)
def tokens_within(characters: int, text: str, tokenizer: Tokenizer) -> int:
    """The most tokens that begin within so many neighbouring characters, and one that a slice may add at either end."""
    starts = [start for start, _ in tokenizer.offsets(text)]
    most = first = 0
    for last, start in enumerate(starts):
        while starts[first] <= start - characters:
            first += 1
        most = max(most, last - first + 1)
    return most + 2
