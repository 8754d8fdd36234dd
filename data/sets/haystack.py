"""Text in which something is hidden: whole sentences of real documents, sized by a tokenizer, with needles at depths."""

import random
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from rlc.data.errors import DataError, UsageError
from rlc.data.formats import folder
from rlc.data.formats.files import read_text
from rlc.data.protocols import Tokenizer
from rlc.data.records import Dataset, Evidence, Example, Wording
from rlc.data.sets.card import Card
from rlc.data.sets.lara import SAMPLE
from rlc.data.spec import fingerprint
from rlc.data.text.sentences import split_sentences
from rlc.data.tokens import load_tokenizer

BUNDLED = "sample"  # the texts that come with the package
_WORD = re.compile(r"\b[A-Za-z]{5,}\b")
MARGIN = 16  # tokens may join differently where texts meet


@dataclass(frozen=True)
class Haystack:
    """Sentences to hide things in, with the tokens of each, and what they are from.

    `digest` stands for the texts, `tokenizer` for what counted them; both are part of a made data set's revision.
    """

    sentences: tuple[str, ...]
    tokens: tuple[int, ...]
    digest: str
    tokenizer: Tokenizer

    def lines(self, room: int, draw: random.Random) -> list[str]:
        """Whole sentences from a drawn place on, as many as `room` tokens hold; from the first again after the last."""
        at, used, taken = draw.randrange(len(self.sentences)), 0, []
        while used + self.tokens[at] <= room:
            taken.append(self.sentences[at])
            used += self.tokens[at]
            at = (at + 1) % len(self.sentences)
        return taken

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The hay's words of five letters and more, sorted: what keys and word lists are drawn from.

        Raises:
            UsageError: if there are fewer than a hundred.
        """
        found = sorted({word.lower() for line in self.sentences for word in _WORD.findall(line)})
        if len(found) < 100:
            raise UsageError(
                f"the haystack has {len(found)} words of five letters and more; bring one with at least 100"
            )
        return tuple(found)

    def notes(self, length: int) -> tuple[str, ...]:
        """What must be said beside figures on texts of that length: that the haystack repeats."""
        whole = sum(self.tokens)
        if length <= whole:
            return ()
        return (
            f"the haystack has {whole:,} tokens, so a text of {length:,} repeats it {length / whole:.1f} times; "
            "bring more text with haystack=FOLDER",
        )


@dataclass(frozen=True)
class Planted:
    """A text with needles in it; `spans` are their half-open character spans, in the order in which they were given."""

    text: str
    spans: tuple[tuple[int, int], ...]


@cache
def load_haystack(name: str, tokenizer: str) -> Haystack:
    """The sentences of the bundled texts (`sample`), of the documents in a folder, or of a text file.

    Raises:
        DataError: where the folder holds no text.
        WeightsError: where the tokenizer is not at hand.
    """
    counter = load_tokenizer(tokenizer)
    root = SAMPLE / "datasets" if name == BUNDLED else Path(name).expanduser()
    texts = [read_text(root)] if root.is_file() else _texts(root)
    sentences = tuple(
        line for text in texts for a, b in split_sentences(text) if (line := " ".join(text[a:b].split()))
    )
    if not sentences:
        raise DataError(f"haystack={name}: holds no sentence; give a folder with .txt or .md files")
    tokens = tuple(counter.count(line) + 1 for line in sentences)
    return Haystack(sentences, tokens, fingerprint(texts), counter)


def _texts(root: Path) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a folder holds other files too
        return [document.page_content for _, document in sorted(folder.load_documents(root).items())]


def plant(
    lines: Sequence[str], needles: Sequence[str], depths: Sequence[float], between: str = " "
) -> Planted:
    """Put each needle at its depth (0 to 1) between lines; where two meet, the first given stays first."""
    places = [round(depth * len(lines)) for depth in depths]
    pieces = [(float(i), -1, line) for i, line in enumerate(lines)]
    pieces += [
        (place - 0.5, n, needle) for n, (place, needle) in enumerate(zip(places, needles, strict=True))
    ]
    parts: list[str] = []
    spans: dict[int, tuple[int, int]] = {}
    length = 0
    for _, number, piece in sorted(pieces, key=lambda one: one[:2]):
        start = length + (len(between) if parts else 0)
        length = start + len(piece)
        parts.append(piece)
        if number >= 0:
            spans[number] = (start, length)
    return Planted(between.join(parts), tuple(spans[i] for i in range(len(needles))))


def room_in(
    length: int, wording: Wording, question: str, needles: Sequence[str], tokenizer: Tokenizer
) -> int:
    """Tokens left for hay in a prompt of `length`, answer, wording, question and needles taken off.

    Raises:
        UsageError: if nothing is left.
    """
    frame = tokenizer.count(wording.reading("") + wording.asked(question)) + wording.max_tokens + MARGIN
    room = length - frame - sum(tokenizer.count(needle) + 1 for needle in needles)
    if room < 0:
        raise UsageError(
            f"length={length}: the question, the answer and what is hidden take {length - room} tokens by "
            f"{tokenizer.name}; ask for a longer text"
        )
    return room


def hidden(
    id_: str,
    question: str,
    wording: Wording,
    placed: Planted,
    wanted: Sequence[int],
    answers: Sequence[str],
    length: int,
    depth: float | None = None,
) -> Example:
    """A question on a text in which the `wanted` needles answer it."""
    document = Document(id=id_, page_content=placed.text, metadata={"kind": "haystack", "title": id_})
    return Example(
        id=id_,
        question=question,
        document=document,
        answers=tuple(answers),
        task=id_.partition("/")[0],
        answerable=True,
        metadata={"length": str(length)} | ({} if depth is None else {"depth": f"{100 * depth:.0f}"}),
        gold=gold(document, [placed.spans[i] for i in wanted]),
        wording=wording,
    )


def generator(*about: object) -> random.Random:
    """A generator of one's own, the same for the same words and numbers in every process."""
    return random.Random(":".join(map(str, about)))  # noqa: S311 - nothing here is a secret


def each(part: str, length: int, questions: int, seed: int) -> Iterator[tuple[str, random.Random]]:
    """Number the questions of a part: an id for each, and a generator of its own."""
    for i in range(questions):
        yield f"{part}/{length}/{i}", generator(seed, part, length, i)


def gold(document: Document, spans: Sequence[tuple[int, int]]) -> tuple[Evidence, ...]:
    """Spans of a document as evidence."""
    return tuple(Evidence(str(document.id), start, end) for start, end in spans)


def made(
    card: Card,
    part: str,
    examples: Sequence[Example],
    settings: Mapping[str, Any],
    hay: Haystack,
    length: int,
) -> Dataset:
    """A data set that was made of these settings; its revision holds them, the haystack and the tokenizer."""
    about = [card.name, card.version, part, dict(settings), hay.digest, hay.tokenizer.name]
    return Dataset(
        card.name,
        tuple(examples),
        {example.document_id: example.document for example in examples},
        fingerprint(about),
        "generated",
        measures=card.measures(part),
        notes=hay.notes(length),
    )
