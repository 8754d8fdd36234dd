"""Talks: what a reader that asks more than once is written in, and what becomes of its wishes.

A talk is a generator. It yields wishes (ask a model, search, let another reader answer) through the functions here, is
sent what came of them, and returns the answer. `rlc.pipeline.readers.support.driver` lets the talks of many questions go
on side by side, so that a talk is written as if its question were the only one.
"""

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from langchain_core.documents import Document

from rlc.data.errors import EngineError
from rlc.data.protocols import (
    LLM,
    Floats,
    Generation,
    Prompt,
    Reader,
    Sampling,
    Seen,
    attending,
    weighing,
)
from rlc.data.records import Answer, Example, document_name
from rlc.pipeline.readers.support.searching import Searcher

T = TypeVar("T")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Ask:
    """Let a language model answer prompts, which wait for none of each other; `samplings` holds one for each."""

    kind: ClassVar[str] = "ask"

    llm: LLM
    prompts: tuple[Prompt, ...]
    samplings: tuple[Sampling, ...]
    name: str


@dataclass(frozen=True)
class Search:
    """Find passages for queries in what a searcher searches for this document."""

    kind: ClassVar[str] = "search"

    searcher: Searcher
    document: Document
    queries: tuple[str, ...]
    k: int | None
    name: str

    @property
    def shelf(self) -> Hashable:
        """What names the library that is searched."""
        return id(self.searcher), self.searcher.place(self.document)


@dataclass(frozen=True)
class Read:
    """Let another reader answer."""

    kind: ClassVar[str] = "read"

    reader: Reader
    example: Example
    name: str


@dataclass(frozen=True)
class Attend:
    """Have numbers made of what a language model attends to while it reads a prompt; `about` says which numbers."""

    kind: ClassVar[str] = "attend"

    llm: LLM
    prompt: Prompt
    see: Callable[[Seen], Any]
    total: Callable[[list[Any]], Floats]
    since: int | None
    layers: tuple[int, ...] | None
    about: object
    name: str

    @property
    def text(self) -> str:
        """All that is read."""
        return self.prompt.whole


@dataclass(frozen=True)
class Weigh:
    """Have given answers to a prompt weighed by a language model."""

    kind: ClassVar[str] = "weigh"

    llm: LLM
    prompt: Prompt
    options: tuple[str, ...]
    name: str

    @property
    def text(self) -> str:
        """All that is read before the options."""
        return self.prompt.whole


@dataclass(frozen=True)
class Prepare:
    """Have something made of a document: the reply says whether it is there, and what it is."""

    kind: ClassVar[str] = "prepare"

    key: Hashable


@dataclass(frozen=True)
class Prepared:
    """Hand over what was made."""

    kind: ClassVar[str] = "prepared"

    key: Hashable
    value: Any


PROMPTED = (Ask.kind, Attend.kind, Weigh.kind)
"""The kinds of steps in which a language model reads a prompt."""

Wish = Ask | Search | Read | Attend | Weigh | Prepare | Prepared
Talk = Generator[Wish, Any, T]


def ask(
    llm: LLM,
    *prompts: Prompt,
    max_tokens: int,
    stop: Sequence[str] = (),
    logprobs: bool = False,
    schema: Mapping[str, Any] | None = None,
    temperature: float | None = None,
    seed: int | Sequence[int] = 0,
    name: str = "ask",
) -> Talk[list[Generation]]:
    """Ask a language model, all prompts at once; `seed` is one for all, or one for each.

    Raises:
        EngineError: if it failed on one of them.
    """
    if not prompts:
        return []
    seeds = (seed,) * len(prompts) if isinstance(seed, int) else tuple(seed)
    samplings = [Sampling(max_tokens, tuple(stop), logprobs, schema, temperature, one) for one in seeds]
    generations: list[Generation] = yield Ask(llm, prompts, tuple(samplings), name)
    for generation in generations:
        if generation.error is not None:
            raise EngineError(generation.error)
    return generations


def search(
    searcher: Searcher, document: Document, *queries: str, k: int | None = None, name: str = "search"
) -> Talk[list[list[Document]]]:
    """The passages for each query, best first; `k` of them, else as many as the retriever hands out.

    Raises:
        DataError: if the document cannot be cut or indexed, or another text is called as it is in the collection.
    """
    searcher.check(document)
    found: list[list[Document]] = yield Search(searcher, document, queries, k, name)
    return found


def read(reader: Reader, example: Example, name: str = "read") -> Talk[Answer]:
    """What another reader answers; where it failed, its answer says why."""
    answer: Answer = yield Read(reader, example, name)
    return answer


def attend(
    llm: LLM,
    prompt: Prompt,
    see: Callable[[Seen], Made],
    total: Callable[[list[Made]], Floats],
    *,
    since: int | None = None,
    layers: Sequence[int] | None = None,
    about: object = None,
    name: str = "attend",
) -> Talk[Floats]:
    """Numbers made of what a language model attends to while it reads a prompt, to six digits.

    They are kept as a generation is, in the step's text.

    Args:
        llm: Reads.
        prompt: What it reads.
        see: Makes something of each layer's attention.
        total: Makes the numbers of that.
        since: The first character of the prompt's text whose token shows its attention, to the prompt's end; None takes
            the last token alone.
        layers: Those that are looked at; None takes all.
        about: What tells these numbers from others on the same prompt, as plain data.
        name: What the step is called.

    Raises:
        UnsupportedError: if the engine does not show what it looks at.
        ContextOverflowError: if the prompt does not fit the window.
    """
    attending(llm)
    values: Floats = yield Attend(
        llm, prompt, see, total, since, None if layers is None else tuple(layers), about, name
    )
    return values


def weigh(llm: LLM, prompt: Prompt, options: Sequence[str], *, name: str = "weigh") -> Talk[Floats]:
    """Weigh given answers to a prompt: ln p (natural) that the model's answer begins with each, float32 [options], to six digits.

    They are kept as a generation is, in the step's text.

    Raises:
        UnsupportedError: if the engine weighs none.
        ContextOverflowError: if the prompt and the options do not fit the window.
    """
    weighing(llm)
    values: Floats = yield Weigh(llm, prompt, tuple(options), name)
    return values


def once(document: Document, name: str, talk: Talk[T]) -> Talk[T]:
    """What a talk makes of a document, made by the first question on it and handed to the others of its batch.

    Its cost is that of preparing the document. Where it fails, the next question tries again.
    """
    key = (document_name(document), document.page_content, name)
    there, value = yield Prepare(key)
    if there:
        talk.close()
        ready: T = value
        return ready
    made = yield from talk
    yield Prepared(key, made)
    return made
