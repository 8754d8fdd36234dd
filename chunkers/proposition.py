"""Proposition chunking: a model rewrites passages as facts that stand alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from langchain_core.documents import Document

from rlc.chunkers.base import Chunker, Span, check_text, to_chunks
from rlc.chunkers.sentence import SentenceChunker
from rlc.chunkers.support.proposition_writers import EngineWriter, Seq2SeqWriter, Writer, Written
from rlc.data.loads import PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Tokenizer, Weights
from rlc.data.records import document_name
from rlc.data.spec import Spec
from rlc.data.text.sentences import split_sentences


@dataclass(frozen=True)
class PropositionChunker(Chunker):
    """One chunk a proposition: a short sentence that states one fact and needs no context.

    `inner` gives the passages (about 100 words each in the paper). A chunk's `page_content` stays the passage's
    slice, the proposition is its `text_to_embed` (and `proposition`, for a reader that is to be given it), and
    its id ends in the proposition's number. Where the model's output is not a JSON list of sentences, the
    passage's own sentences take their place: such chunks are sentence slices with `fallback` true, and `fallbacks`
    counts the passages. The first chunk of a passage carries the passage's model tokens as `index_tokens`.

    Args:
        llm: an engine that follows the paper's rules, put in our words (`prompt`), or
        model: the id of a sequence-to-sequence model that was trained to (the published one is
            `chentong00/propositionizer-wiki-flan-t5-large`). Exactly one of the two.
        inner: says what a passage is.
        max_tokens: the most tokens of an answer.
        prompt: the rules that an engine is told.
        guided: ask the engine to hold to the JSON schema; one that cannot refuses.

    Attributes:
        fallbacks: passages that fell to their sentences so far.

    Source: Chen et al., "Dense X Retrieval", arXiv:2312.06648. There a passage that cannot be parsed is lost.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"ask.prefix": (), "ask.question": ("passage",)}

    llm: LLM | None = None
    model: Weights = ""
    inner: Chunker = field(default_factory=lambda: SentenceChunker(size=128))
    max_tokens: int = 512
    guided: bool = False
    prompt: PromptFile = ENGLISH
    _events: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def example(cls) -> Spec:
        """An engine that writes no list of some passages."""
        return {
            "llm": {"use": "scripted", "answers": {"e": '["One.", "Two."]', "": "None."}, "window": 100_000}
        }

    def __post_init__(self) -> None:
        if (self.llm is None) == (not self.model):
            raise ValueError(f"give either llm or model, got llm={self.llm!r}, model={self.model!r}")

    @property
    def fallbacks(self) -> int:
        """The passages that fell to their sentences so far."""
        return len(self._events)

    def largest(self, text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """Bound the chunks as `inner` does: page contents are its slices."""
        return self.inner.largest(text, tokenizer)

    def prepares(self, document: Document) -> list[PromptLoad]:
        """Bound an engine's prompts, one a passage; a model that was trained for it is none that answers questions."""
        loads = self.inner.prepares(document)
        text, title = document.page_content, str(document.metadata.get("title", ""))
        passages = [
            passage_prompt(title, p, text) for p in self.inner.spans(text) if text[p.start : p.end].strip()
        ]
        if self.llm is not None and passages:
            texts = read_prompts(PropositionChunker, self.prompt)
            largest = max(self.llm.count(texts.prompt("ask", passage=passage)) for passage in passages)
            loads.append(PromptLoad(document_name(document), 0, len(passages), largest, self.max_tokens))
        return loads

    def spans(self, text: str) -> list[Span]:
        """Return the propositions' spans, the title unknown."""
        return self._spans(text, "")

    def split(self, document: Document) -> list[Document]:
        """Cut one document; its metadata's `title` goes before each passage.

        Raises:
            DataError: as for every chunker.
            EngineError: if the engine fails on a passage.
        """
        check_text(document)
        return to_chunks(
            document, self._spans(document.page_content, str(document.metadata.get("title", "")))
        )

    def _spans(self, text: str, title: str) -> list[Span]:
        passages = [p for p in self.inner.spans(text) if text[p.start : p.end].strip()]
        if not passages:
            return []
        written = self._writer([passage_prompt(title, p, text) for p in passages])
        return [
            span
            for p, one in zip(passages, written, strict=True)
            for span in self._propositions(text, p, one)
        ]

    @cached_property
    def _writer(self) -> Writer:
        if self.llm is not None:
            return EngineWriter(
                self.llm, read_prompts(PropositionChunker, self.prompt), self.max_tokens, self.guided
            )
        return Seq2SeqWriter(self.model, self.max_tokens)

    def _propositions(self, text: str, passage: Span, written: Written) -> list[Span]:
        facts = parse(written.text)
        if facts:
            spans = [
                Span(
                    passage.start,
                    passage.end,
                    {**passage.metadata, "text_to_embed": fact, "proposition": fact},
                )
                for fact in facts
            ]
        else:
            self._events.append(written.text)
            spans = [
                Span(passage.start + start, passage.start + end, {**passage.metadata, "fallback": True})
                for start, end in split_sentences(text[passage.start : passage.end])
            ]
        suffix = passage.metadata.get("suffix", "")
        cost = [written.tokens, *[0] * len(spans)]
        return [
            Span(span.start, span.end, {**span.metadata, "suffix": f"{suffix}#{i}", "index_tokens": cost[i]})
            for i, span in enumerate(spans)
        ]


def passage_prompt(title: str, passage: Span, text: str) -> str:
    """The passage as the published model was trained to see it."""
    section = " > ".join(passage.metadata.get("section", ()))
    return f"Title: {title}. Section: {section}. Content: {text[passage.start : passage.end].strip()}"


def parse(answer: str) -> list[str]:
    """The propositions of a JSON list of strings, which other words may surround; empty where there is none.

    >>> parse('Here: ["Ann has a cat.", " "]')
    ['Ann has a cat.']
    """
    begin, end = answer.find("["), answer.rfind("]")
    try:
        facts = json.loads(answer[begin : end + 1]) if 0 <= begin < end else []
    except json.JSONDecodeError:
        return []
    if not isinstance(facts, list) or not all(isinstance(fact, str) for fact in facts):
        return []
    return [fact.strip() for fact in facts if fact.strip()]
