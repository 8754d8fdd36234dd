"""Frozen records: examples, data sets, answers, evidence, usage."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, reduce
from hashlib import blake2b
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

__all__ = [
    "Answer",
    "Dataset",
    "Document",
    "Evidence",
    "Example",
    "Step",
    "Usage",
    "Wording",
    "document_name",
    "evidence_in",
    "pages_of",
    "passages_of",
]


def document_name(document: Document) -> str:
    """What a document is called: its id, else its `source`, else a digest of its text."""
    if name := document.id or document.metadata.get("source"):
        return str(name)
    return blake2b(document.page_content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Evidence:
    """Text that a reader was given: a half-open character span of its document.

    Where a pruner kept it of a longer passage, `passage` is that passage's span. Of a document with pages, a PDF,
    `pages` are the first and the last that it stands on, counted from 1; they follow from the span, so they tell no
    two pieces apart.
    """

    document_id: str
    start: int
    end: int
    score: float | None = None
    passage: tuple[int, int] | None = None
    pages: tuple[int, int] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Wording:
    """How a data set's authors put a text and a question to a model.

    `before` holds `{text}` and is the same for all questions on a document, so that it can be read once; `after` holds
    `{question}`. `max_tokens` is the length that the authors grant an answer; scores depend on it.
    """

    before: str
    after: str
    max_tokens: int

    def asked(self, question: str) -> str:
        """What stands after the text."""
        return self.after.replace("{question}", question)

    def reading(self, text: str) -> str:
        """The text with what stands before it; with passages in its place for those that retrieve."""
        return self.before.replace("{text}", text)


@dataclass(frozen=True)
class Example:
    """One question about one document.

    `document` carries its `id`, its text in `page_content`, and in `metadata` at least `kind` (book, paper, ...).
    `answers` are accepted gold answers; empty means that the question is answered and costed, not scored.
    `answerable` is False where the document does not hold the answer, so that saying so is right, and None
    where nobody knows. `metadata` holds what a table may group by (`length`, `type`, ...). `gold` are the spans that
    hold the answer, where the data set marks them. `wording` goes to the model only: `question` alone is searched for.
    """

    id: str
    question: str
    document: Document
    answers: tuple[str, ...] = ()
    task: str = "qa"
    answerable: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    gold: tuple[Evidence, ...] = ()
    wording: Wording | None = None

    @cached_property
    def document_id(self) -> str:
        """The name of the document that the question is about, as its chunks carry it."""
        return document_name(self.document)


def by_document(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Group questions by the document that they are about, in the order of each document's first."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.document_id, []).append(example)
    return groups


@dataclass(frozen=True)
class Dataset:
    """Questions with their documents.

    `variant` says what the figures may be called: `benchmark` (the published data), `sample` (the bundled one,
    never mistaken for the benchmark), `generated` (made here) or `own` (a user's files). `revision` is a digest of
    everything read, or of every setting that made it; `root` the folder that it was read from, where it has one.
    `measures` name the scorer of each task; a task without one is the rule judge's. `settings` are the specs by which
    a set of the table can be had again; `notes` are sentences that must stand beside every figure on it.
    """

    name: str
    examples: tuple[Example, ...]
    documents: Mapping[str, Document]
    revision: str
    variant: str = "own"
    root: Path | None = None
    measures: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def asked(self) -> frozenset[str]:
        """The names of the documents that are asked about; `documents` may hold more."""
        return frozenset(example.document_id for example in self.examples)

    def where(self, keep: Callable[[Example], bool]) -> "Dataset":
        """Keep the examples that `keep` accepts, and all documents."""
        return replace(self, examples=tuple(example for example in self.examples if keep(example)))


@dataclass(frozen=True)
class Usage:
    """What an answer cost. Token counts are the reader's own; seconds are wall time.

    `prompt_tokens` counts what the model was given, `cached_tokens` the part of it whose keys and values were
    already there, `cache_write_tokens` the part that a provider was paid to keep for later questions, `output_tokens`
    all new ones, `thought_tokens` the part of those that was thought aloud, `cut_tokens` what the fitting policy left out of the document, `index_tokens` what preparing the document cost in model tokens.
    `calls` counts what a language model was asked, `rounds` how many of those calls had to wait for one another; both
    are 0 in what was stored before they were counted. `first_token_seconds` runs from the call to the first new token of
    the text that is the answer; it is None where nobody timed that token, or there was none. Where prompts are answered
    side by side, `seconds` is the answer's share of the time that they took together, and `latency_seconds` what passed
    until its last token; elsewhere it is None, and `seconds` is both. `kv_bytes` is the size of the keys and values that
    the answer was read from, of the largest call where one followed the other; 0 where the engine does not say.

    Costs are put together by `then` and `beside`; a sum would not know which first token anybody waits for.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    thought_tokens: int = 0
    cut_tokens: int = 0
    index_tokens: int = 0
    calls: int = 0
    rounds: int = 0
    kv_bytes: int = 0
    index_seconds: float = 0.0
    retrieve_seconds: float = 0.0
    queue_seconds: float = 0.0
    first_token_seconds: float | None = None
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    seconds: float = 0.0
    latency_seconds: float | None = None

    @property
    def latency(self) -> float:
        """Seconds from the call to the last token."""
        return self.seconds if self.latency_seconds is None else self.latency_seconds

    def then(self, later: "Usage") -> "Usage":
        """Both, one after the other: every figure adds up, and the later one's first token comes after all of this.

        What wrote nothing, such as a search, has no first token and leaves the other's. After a text that nobody timed
        the first token is not known either.
        """
        first = self.first_token_seconds
        if later._wrote:
            timed = later.first_token_seconds is not None and (self.latency > 0 or not self._wrote)
            first = self.latency + (later.first_token_seconds or 0.0) if timed else None
        return self._with(
            later, first, lambda name, mine, its: max(mine, its) if name == "kv_bytes" else mine + its
        )

    def beside(self, other: "Usage") -> "Usage":
        """Both, at one time: tokens and calls add up, of times and rounds the longer counts, the first token's too.

        Where both are shares of the time that they took together, these add up, and of the latencies the longer counts.
        """
        first = [usage.first_token_seconds for usage in (self, other) if usage._wrote]
        known = [seconds for seconds in first if seconds is not None]
        shared = self.latency_seconds is not None and other.latency_seconds is not None
        longer = LASTING - SHARES if shared else LASTING
        return self._with(
            other,
            max(known) if known and len(known) == len(first) else None,
            lambda name, mine, its: max(mine, its) if name in longer else mine + its,
        )

    @property
    def _wrote(self) -> bool:
        return self.output_tokens > 0 or self.first_token_seconds is not None

    def _with(self, other: "Usage", first: float | None, joined: Callable[[str, Any, Any], Any]) -> "Usage":
        figures = {
            f.name: joined(f.name, getattr(self, f.name), getattr(other, f.name))
            for f in fields(self)
            if f.default is not None
        }
        waited = joined("latency_seconds", self.latency, other.latency)
        apart = self.latency_seconds is not None or other.latency_seconds is not None
        return Usage(**figures, first_token_seconds=first, latency_seconds=waited if apart else None)

    @classmethod
    def total(cls, usages: Iterable["Usage"]) -> "Usage":
        """Add up usages that came one after the other."""
        return reduce(cls.then, usages, cls())

    @classmethod
    def at_once(cls, usages: Iterable["Usage"]) -> "Usage":
        """Add up usages that ran at one time."""
        return reduce(cls.beside, usages, cls())


# What passes at one time for all that is done at once.
LASTING = frozenset({"rounds", *(f.name for f in fields(Usage) if f.name.endswith("seconds"))})
# What prompts that are answered side by side take of one time.
SHARES = frozenset({"prefill_seconds", "decode_seconds", "seconds"})


def evidence_in(document_id: str, evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The evidence that is of this document, in order: spans of others say nothing about its text."""
    return tuple(one for one in evidence if one.document_id == document_id)


def pages_of(metadata: Mapping[str, Any], start: int, end: int) -> tuple[int, int] | None:
    """The first and the last page, counted from 1, of a span; None where the document does not say where pages begin.

    >>> pages_of({"pages": (0, 11, 30)}, 5, 12)
    (1, 2)
    """
    begins = metadata.get(
        "pages"
    )  # as `read_pdf` tells them; another's may be anything, such as a number of pages
    if not isinstance(begins, list | tuple) or not all(type(one) is int for one in begins) or not begins:
        return None
    first = bisect_right(begins, start)
    return max(1, first), max(1, first, bisect_left(begins, end))


def passages_of(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The passages that evidence was kept of, each once, in order; those that nobody pruned are their own."""
    whole = (
        one
        if one.passage is None
        else replace(one, start=one.passage[0], end=one.passage[1], passage=None, pages=None)
        for one in evidence
    )
    return tuple(dict.fromkeys(whole))


@dataclass(frozen=True)
class Step:
    """One thing that a reader did on the way to its answer: it asked, searched, or let another reader answer.

    `name` is the strategy's word for it, `kind` that of the wish (`ask`, `search`, `read`, ...), `round` counts from 0;
    the steps of one round wait for none of each other. `text` is what came of it, `evidence` what was found,
    `prompt_hash` identifies the prompt, where there was one.
    """

    name: str
    kind: str
    round: int
    text: str = ""
    prompt_hash: str = ""
    evidence: tuple[Evidence, ...] = ()
    usage: Usage = Usage()
    error: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a reader returned for one example; never missing, but `error` may say why there is no text.

    `route` names the arm whose text this is (a router passes its arm's name through). `prompt_hash` identifies
    the exact prompt. `details` holds what a strategy wants to keep beside it (a router's probability, say), `steps` what
    one that asks more than once did, in order. `seal` is the digest by which a store keeps it, empty where none does.
    """

    text: str
    route: str
    evidence: tuple[Evidence, ...] = ()
    usage: Usage = Usage()
    finish_reason: str = ""
    prompt_hash: str = ""
    error: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    seal: str = field(default="", compare=False, repr=False)
