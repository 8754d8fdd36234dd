"""Gists: pages of a document, found by what a model remembers of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

from rlc.chunkers.base import Chunker, Span
from rlc.chunkers.recursive import RecursiveChunker
from rlc.chunkers.support.summaries import (
    MARGIN,
    asked,
    bound_pages,
    follow,
    paginate,
    tokens_written,
    written,
)
from rlc.data.loads import PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import LLM, Tokenizer
from rlc.data.records import Document, document_name
from rlc.data.spec import Spec
from rlc.data.tokens import count_once

PART_TOKENS = 100  # of the parts between which a page may end
PAUSE_TOKENS = 8


@dataclass(frozen=True)
class GistChunker(Chunker):
    """One chunk a page, found by its gist: a shortened version that a model writes once a document.

    The model cuts the document into pages where it finds it natural, as the reader `read-agent` does. A page's gist is its
    `text_to_embed`; what is read where it is found is the page, or with `read = "gist"` the gist. The tokens of making
    all that are `index_tokens`, those of the pages' ends the first page's.

    Args:
        llm: cuts and shortens.
        least_words: of a page.
        most_words: of a page.
        gist_tokens: of a gist.
        read: what stands in the prompt where a page is found.
        prompt: what the model is asked.

    Source: Lee et al., A Human-Inspired Reading Agent with Gist Memory of Very Long Contexts, arXiv 2402.09727, whose
    agent looks pages up by reading all gists.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {"pause.question": ("text",), "gist.question": ("text",)}

    llm: LLM
    least_words: int = 280
    most_words: int = 600
    gist_tokens: int = 256
    read: Literal["page", "gist"] = "page"
    prompt: PromptFile = ENGLISH

    @classmethod
    def example(cls) -> Spec:
        """An engine that says one thing to everything."""
        return {"llm": {"use": "scripted", "answers": {"": "a gist"}, "window": 100_000}}

    def __post_init__(self) -> None:
        if not 0 < self.least_words <= self.most_words:
            raise ValueError(
                f"expected 0 < least_words <= most_words, got {self.least_words} and {self.most_words}"
            )
        if self.gist_tokens < 1:
            raise ValueError(f"gist_tokens must be at least 1, got {self.gist_tokens}")

    @cached_property
    def _texts(self) -> PromptTexts:
        return read_prompts(GistChunker, self.prompt)

    def largest(self, text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
        """The whole text, which no page exceeds, or the longest gist."""
        gist = tokens_written(self.llm, self.gist_tokens, tokenizer)
        return (gist if self.read == "gist" else count_once(tokenizer, text),)

    def prepares(self, document: Document) -> list[PromptLoad]:
        """Bound the prompts: every page is read for its end, and once more for its gist."""
        parts = self._parts(document.page_content)
        pages, page = bound_pages(
            [document.page_content[part.start : part.end] for part in parts],
            self.llm.tokenizer, self.least_words, self.most_words,
        )  # fmt: skip
        return [
            PromptLoad(
                document_name(document),
                0,
                pages,
                self.llm.count(self._texts.prompt(name, text="")) + page + MARGIN,
                new,
            )
            for name, new in (("pause", PAUSE_TOKENS), ("gist", self.gist_tokens))
        ]

    def _parts(self, text: str) -> list[Span]:
        return RecursiveChunker(PART_TOKENS, tokenizer=self.llm.tokenizer).spans(text)

    def spans(self, text: str) -> list[Span]:
        """The pages, with their gists.

        Raises:
            EngineError: if the engine fails, or writes no gist.
        """
        parts = self._parts(text)
        spent: list[int] = []

        def paused(labelled: str) -> str:
            [said] = asked(self.llm, [self._texts.prompt("pause", text=labelled)], PAUSE_TOKENS, "page's end")
            spent.append(said.tokens)
            return said.text

        pages = follow(
            paginate([text[part.start : part.end] for part in parts], self.least_words, self.most_words),
            paused,
        )
        places = [(parts[first].start, parts[last - 1].end) for first, last in pages]
        prompts = [self._texts.prompt("gist", text=text[start:end]) for start, end in places]
        gists = written(self.llm, prompts, self.gist_tokens, "gist")
        shown = [{"text_to_read": gist.text} if self.read == "gist" else {} for gist in gists]
        costs = [gist.tokens + (sum(spent) if i == 0 else 0) for i, gist in enumerate(gists)]
        return [
            Span(*place, {"text_to_embed": gist.text, "index_tokens": cost, **more})
            for place, gist, cost, more in zip(places, gists, costs, shown, strict=True)
        ]
