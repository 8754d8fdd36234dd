"""Moves: what several strategies do on the way, as plain functions and small talks."""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache, lru_cache
from typing import TypeVar

from rlc.chunkers.base import Chunker
from rlc.chunkers.recursive import RecursiveChunker
from rlc.chunkers.sentence import SentenceChunker
from rlc.chunkers.support.summaries import BETWEEN as BETWEEN
from rlc.data.errors import ContextOverflowError, DataError
from rlc.data.loads import PromptLoad
from rlc.data.neighbours import neighbours
from rlc.data.prompt_files import PromptTexts, read_prompts
from rlc.data.protocols import LLM, Prompt, Tokenizer
from rlc.data.records import Document, Evidence, Example, document_name
from rlc.data.text.abstention import abstains
from rlc.data.text.fold import fold
from rlc.data.tokens import count_once
from rlc.pipeline.context import Fitted, fit
from rlc.pipeline.prompts import kind_of, rag_prompt
from rlc.pipeline.readers.rag import RagReader
from rlc.pipeline.readers.support.asking import MARGIN, room_for_text
from rlc.pipeline.readers.support.talk import Talk, ask

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")

NOTHING = "NOTHING"  # what a model is told to write where a text tells nothing
REFUSAL = ""  # all refusals say one thing, in whatever words
_ANSWER = re.compile(r"^\W*ANSWER\W*[:：]\s*(\S.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL)

Joined = Callable[[str], Prompt]
"""The prompt in which notes, joined, stand."""


@cache
def _texts(method: type) -> PromptTexts:
    return read_prompts(method)


def passages_prompt(example: Example, passages: Sequence[str]) -> Prompt:
    """What the arm `rag` asks, with these passages."""
    return rag_prompt(_texts(RagReader), kind_of(example), passages, example.question, example.wording)


def room_for(llm: LLM, frame: Prompt, max_tokens: int, *, window: int | None = None, beside: int = 0) -> int:
    """Tokens left for a text in `frame`, a prompt without it, where `beside` more tokens will stand in the prompt.

    Raises:
        ContextOverflowError: if there are none.
    """
    narrower = max(0, llm.window - (window or llm.window))
    room = room_for_text(llm, frame, max_tokens) - beside - narrower
    if room < 1:
        raise ContextOverflowError(
            f"no room for a text beside the question, {beside} tokens of notes and {max_tokens} of the answer in "
            f"{llm.window - narrower} tokens; use a longer window or shorter notes"
        )
    return room


def pieces_of(
    document: Document, size: int, tokenizer: Tokenizer, *, sentences: bool = False
) -> list[Document]:
    """The document cut into pieces of at most `size` tokens, at the largest separator or between sentences.

    Raises:
        DataError: if there is no text in it.
    """
    pieces = _pieces(document_name(document), document.page_content, size, tokenizer, sentences)
    if not pieces:
        raise DataError(f"the document {document_name(document)!r} holds no text")
    return pieces


@lru_cache(maxsize=64)  # every question on a document cuts it alike
def _pieces(name: str, text: str, size: int, tokenizer: Tokenizer, sentences: bool) -> list[Document]:
    cutter: Chunker = RecursiveChunker(size, tokenizer=tokenizer)
    if sentences:
        cutter = SentenceChunker(size, tokenizer=tokenizer)
    return cutter.split(Document(id=name, page_content=text))


def span_of(example: Example, piece: Document) -> Evidence:
    """Where a piece of the example's document stands in it."""
    return Evidence(example.document_id, piece.metadata["start_index"], piece.metadata["end_index"])


def says_nothing(text: str) -> bool:
    """Whether a note says that its piece tells nothing: the word `NOTHING`, alone or at its beginning."""
    return not text.strip() or text.strip(" .*\"'`\n").upper().startswith(NOTHING)


def marked_answer(text: str) -> str | None:
    """What stands behind the first line that begins with `ANSWER:`; None where there is none."""
    found = _ANSWER.search(text)
    return found[1].strip() if found else None


def what_it_says(answer: str) -> str:
    """What an answer says, by which answers agree: its words, whatever their case, marks and spaces, or a refusal."""
    if abstains(answer):
        return REFUSAL
    words = "".join(letter if letter.isalnum() else " " for letter in fold(answer))
    return " ".join(words.split())


@lru_cache(maxsize=8)  # all questions on a document leave the same room
def fitted(text: str, room: int, tokenizer: Tokenizer, policy: str) -> Fitted:
    """What of a text fits into `room` tokens, as `rlc.pipeline.context.fit` says; fitted once for all questions."""
    return fit(text, room, tokenizer, policy)


def followed(asking: Generator[S, R, T], answer: Callable[[S], Talk[R]]) -> Talk[T]:
    """Let a generator go on to its end, sending it what a talk makes of all that it yields; what it returns."""
    try:
        wanted = next(asking)
        while True:
            wanted = asking.send((yield from answer(wanted)))
    except StopIteration as end:
        result: T = end.value
        return result


def shrink(
    llm: LLM,
    notes: Sequence[str],
    join: Joined,
    room: int,
    note_tokens: int,
    seed: int = 0,
    name: str = "combine",
) -> Talk[list[str]]:
    """Notes that fit into `room` tokens together: as long as they do not, neighbours are combined by the model.

    Raises:
        ContextOverflowError: if no two of them fit together, so that nothing can be combined.
    """
    while sum(_sizes(llm.tokenizer, notes)) > room:
        groups = [[notes[i] for i in group] for group in neighbours(_sizes(llm.tokenizer, notes), room)]
        if len(groups) == len(notes):
            raise ContextOverflowError(
                f"{len(notes)} notes do not fit into {room} tokens, and no two of them do; use a longer window or "
                "shorter notes"
            )
        many = [BETWEEN.join(group) for group in groups if len(group) > 1]
        said = yield from ask(llm, *map(join, many), max_tokens=note_tokens, seed=seed, name=name)
        combined = iter(said)
        notes = [next(combined).text if len(group) > 1 else group[0] for group in groups]
    return list(notes)


def shrinking(
    llm: LLM, notes: int, frame: Prompt, room: int, note_tokens: int, document: str
) -> tuple[list[PromptLoad], int]:
    """Bound what `shrink` asks for so many notes of at most `note_tokens`, and the tokens of what it leaves."""
    loads: list[PromptLoad] = []
    each = note_tokens + MARGIN
    while notes * each > room and 2 * each <= room:
        together = room // each
        groups = -(-notes // together)
        loads.append(PromptLoad(document, 0, groups, llm.count(frame) + room + MARGIN, note_tokens))
        notes = groups
    return loads, min(notes * each, room)


def _sizes(tokenizer: Tokenizer, notes: Sequence[str]) -> list[int]:
    return [tokenizer.count(note) + tokenizer.count(BETWEEN) for note in notes]


def loads_of_pieces(
    llm: LLM, examples: Sequence[Example], cut: Callable[[Example], list[Document]], frame: Callable[[Example], Prompt],
    *, beside: int, answer_tokens: int,
) -> Iterator[PromptLoad]:  # fmt: skip
    """Bound the prompts in which every question reads every piece of its document, `beside` notes of so many tokens.

    Questions that cut their document alike share the pieces.
    """
    groups: dict[tuple[str, tuple[int, ...]], list[Example]] = {}
    for example in examples:
        cuts = tuple(piece.metadata["end_index"] for piece in cut(example))
        groups.setdefault((example.document_id, cuts), []).append(example)
    for (document, _), group in groups.items():
        asked = max(llm.count(frame(example)) for example in group) + beside + MARGIN
        for piece in cut(group[0]):
            tokens = count_once(llm.tokenizer, piece.page_content)
            yield PromptLoad(document, tokens, len(group), asked, answer_tokens)
