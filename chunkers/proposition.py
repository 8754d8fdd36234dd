"""Facts, each in a sentence that stands alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from langchain_core.documents import Document

from rlc.chunkers.base import Chunker, Span, check_text, to_chunks
from rlc.chunkers.sentence import SentenceChunker
from rlc.chunkers.sentences import split_sentences
from rlc.data.errors import EngineError, WeightsError
from rlc.data.protocols import LLM, Prompt
from rlc.data.weights import resolve

RULES = """Decompose the passage into clear and simple propositions that can be understood out of context.
1. Split compound sentences into simple ones; keep the passage's own wording wherever possible.
2. Where a named entity comes with a description, give the description a proposition of its own.
3. Make every proposition self-contained: add what its nouns and sentences need, and put the full name in place \
of pronouns such as it, he, she, they, this and that.
4. Answer with a JSON list of strings and nothing else.

Example
Title: The Harbour Light. Section: History. Content: Built in 1871 by Ada Lowe, an engineer from Hull, it was \
moved inland when the cliff gave way.
["The Harbour Light was built in 1871.", "The Harbour Light was built by Ada Lowe.", "Ada Lowe was an engineer \
from Hull.", "The Harbour Light was moved inland when the cliff gave way."]
"""
SCHEMA = {"type": "array", "items": {"type": "string"}}


@dataclass(frozen=True)
class Written:
    """What a writer made of one passage, and the model tokens that it took."""

    text: str
    tokens: int


class Writer(Protocol):
    """Writes each passage anew as a JSON list of propositions."""

    def __call__(self, passages: Sequence[str], /) -> list[Written]:
        """Answer every passage, in order."""
        ...


@dataclass(frozen=True)
class PropositionChunker(Chunker):
    """One chunk a proposition: a short sentence that states one fact and needs no context.

    `inner` gives the passages (about 100 words each in the paper). A chunk's `page_content` stays the passage's
    slice, the proposition is its `text_to_embed` (and `proposition`, for a reader that is to be given it), and
    its id ends in the proposition's number. Where the model's output is not a JSON list of sentences, the
    passage's own sentences take their place: such chunks are sentence slices with `fallback` true, and `fallbacks`
    counts the passages. The first chunk of a passage carries the passage's model tokens as `index_tokens`.

    Args:
        llm: an engine that follows the paper's rules, put in our words (`RULES`), or
        model: the id of a sequence-to-sequence model that was trained to (the published one is
            `chentong00/propositionizer-wiki-flan-t5-large`). Exactly one of the two.
        inner: says what a passage is.
        max_tokens: the most tokens of an answer.
        guided: ask the engine to hold to the JSON schema; one that cannot refuses.

    Attributes:
        fallbacks: passages that fell to their sentences so far.

    Source: Chen et al., "Dense X Retrieval", arXiv:2312.06648. There a passage that cannot be parsed is lost.
    """

    llm: LLM | None = None
    model: str = ""
    inner: Chunker = field(default_factory=lambda: SentenceChunker(size=128))
    max_tokens: int = 512
    guided: bool = False
    _events: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.llm is None) == (not self.model):
            raise ValueError(f"give either llm or model, got llm={self.llm!r}, model={self.model!r}")

    @property
    def fallbacks(self) -> int:
        """The passages that fell to their sentences so far."""
        return len(self._events)

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
            return EngineWriter(self.llm, self.max_tokens, self.guided)
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
        cost = [written.tokens, *[0] * len(spans)]
        return [
            Span(span.start, span.end, {**span.metadata, "suffix": f"#{i}", "index_tokens": cost[i]})
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


@dataclass(frozen=True)
class EngineWriter:
    """Any language model, told the rules."""

    llm: LLM
    max_tokens: int
    guided: bool = False

    def __call__(self, passages: Sequence[str], /) -> list[Written]:
        """Answer every passage, in order.

        Raises:
            EngineError: if the engine fails on one.
        """
        prompts = [Prompt(prefix=RULES, question=f"\n{passage}\n") for passage in passages]
        schema = SCHEMA if self.guided else None
        generations = self.llm.generate(prompts, max_tokens=self.max_tokens, schema=schema)
        for passage, generation in zip(passages, generations, strict=True):
            if generation.error is not None:
                raise EngineError(
                    f"{self.llm.name} wrote no propositions of {passage[:60]!r}: {generation.error}"
                )
        return [Written(g.text, g.usage.prompt_tokens + g.usage.output_tokens) for g in generations]


class Seq2SeqWriter:
    """A sequence-to-sequence model trained for the task, run greedily."""

    def __init__(self, model: str, max_tokens: int, batch: int = 8) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        place = str(resolve(model))
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(place)
            self._model = AutoModelForSeq2SeqLM.from_pretrained(place).eval()
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"cannot load the proposition model {model!r}: {error}; name a folder or a Hugging Face id of a "
                "sequence-to-sequence model with its tokenizer"
            ) from error
        self._max_tokens = max_tokens
        self._batch = batch

    def __call__(self, passages: Sequence[str], /) -> list[Written]:
        """Answer every passage, in order."""
        batches = [passages[i : i + self._batch] for i in range(0, len(passages), self._batch)]
        return [written for batch in batches for written in self._write(list(batch))]

    def _write(self, passages: list[str]) -> list[Written]:
        import torch

        inputs = self._tokenizer(passages, return_tensors="pt", padding=True)
        with torch.inference_mode():
            outputs = self._model.generate(**inputs, max_new_tokens=self._max_tokens, do_sample=False)
        texts = self._tokenizer.batch_decode(outputs, skip_special_tokens=True)
        read = inputs["attention_mask"].sum(dim=1).tolist()
        new = (outputs != self._model.config.pad_token_id).sum(dim=1).tolist()
        return [Written(text, a + b) for text, a, b in zip(texts, read, new, strict=True)]
