"""ReadAgent: gists of a document's pages, and a few pages read again for each question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.chunkers.gist import PART_TOKENS, PAUSE_TOKENS
from rlc.chunkers.support.summaries import bound_pages, paginate
from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Role
from rlc.data.records import Answer, Document, Evidence, Example, by_document
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import BETWEEN, followed, pieces_of, room_for, span_of
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, once
from rlc.pipeline.readers.support.units import numbers_in


@dataclass(frozen=True)
class Page:
    """A page of the document, and what is remembered of it."""

    text: str
    span: Evidence
    gist: str = ""


@dataclass(frozen=True)
class ReadAgent(Strategy):
    """Let the model cut the document into pages, remember the gist of each, and read a few again for each question.

    Pages and gists are made once for the questions on a document that come together, which is the cost of preparing it.
    A page ends where the model finds it natural, after at least `least_words` and at most `most_words` words. The
    pages that it asks for stand in full among the gists of the others (the paper's parallel look-up), and are the
    evidence.

    Source: Lee et al., A Human-Inspired Reading Agent with Gist Memory of Very Long Contexts, ICML 2024, arXiv
    2402.09727, with its authors' sizes.

    Args:
        llm: reads.
        least_words: of a page.
        most_words: of a page.
        pages: the most that are read again.
        gist_tokens: of a gist.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    VERSION: ClassVar[int] = 2  # words of scripts without spaces are counted
    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "pause.question": ("source?", "text"),
        "gist.question": ("source?", "text"),
        "look_up.prefix": ("source?", "text"),
        "look_up.question": ("question", "most?"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "page.text": ("number", "text"),
        "source.other": (),
    }

    llm: LLM
    least_words: int = 280
    most_words: int = 600
    pages: int = 5
    gist_tokens: int = 256
    max_tokens: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.least_words <= self.most_words or self.pages < 1:
            raise ValueError(
                f"expected 0 < least_words <= most_words and pages of at least 1, got {self.least_words}, "
                f"{self.most_words} and {self.pages}"
            )
        if self.gist_tokens < 1:
            raise ValueError(f"gist_tokens must be at least 1, got {self.gist_tokens}")

    def talk(self, example: Example) -> Talk[Answer]:
        pages = yield from once(example.document, "gists", self._remember(example))
        gists = self._memory(pages)
        length = tokens_of(example, self.max_tokens)
        prompt = self._prompt("look_up", example, text=gists, most=self.pages)
        [said] = yield from ask(self.llm, prompt, max_tokens=32, seed=self.seed, name="look up")
        again = numbers_in(said.text, len(pages))[: self.pages]
        room = room_for(self.llm, self._last_prompt("answer", example, ""), length)
        while again and self.llm.tokenizer.count(self._memory(pages, again)) > room:
            again = again[:-1]
        prompt = self._last_prompt("answer", example, self._memory(pages, again))
        [last] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        return Answer(last.text, "", tuple(pages[i].span for i in sorted(again)))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: the document twice, for pages and gists, then twice the gists for each question."""
        loads: list[PromptLoad] = []
        for document, asked in by_document(examples).items():
            parts = [part.page_content for part in self._parts(asked[0])]
            pages, page = bound_pages(parts, self.llm.tokenizer, self.least_words, self.most_words)
            gists = pages * (self.gist_tokens + MARGIN)
            frames = [self._prompt(name, asked[0], text="") for name in ("pause", "gist")]
            for frame, new in zip(frames, (PAUSE_TOKENS, self.gist_tokens), strict=True):
                loads.append(PromptLoad(document, 0, pages, self.llm.count(frame) + page + MARGIN, new))
            for example in asked:
                look_up = self.llm.count(self._prompt("look_up", example, text="", most=self.pages))
                loads.append(PromptLoad(document, 0, 1, look_up + gists + MARGIN, 32))
                last = self.llm.count(self._last_prompt("answer", example, "")) + gists + self.pages * page
                loads.append(PromptLoad(document, 0, 1, last + MARGIN, tokens_of(example, self.max_tokens)))
        return loads

    def _remember(self, example: Example) -> Talk[list[Page]]:
        """Pages of the document with their gists."""
        parts = self._parts(example)
        cutting = paginate([part.page_content for part in parts], self.least_words, self.most_words)
        pages: list[Page] = []
        for first, end in (yield from followed(cutting, lambda text: self._pause(example, text))):
            start, stop = span_of(example, parts[first]).start, span_of(example, parts[end - 1]).end
            span = Evidence(example.document_id, start, stop)
            pages.append(Page(example.document.page_content[start:stop], span))
        prompts = [self._prompt("gist", example, text=page.text) for page in pages]
        gists = yield from ask(self.llm, *prompts, max_tokens=self.gist_tokens, seed=self.seed, name="gist")
        return [replace(page, gist=gist.text.strip()) for page, gist in zip(pages, gists, strict=True)]

    def _pause(self, example: Example, labelled: str) -> Talk[str]:
        """At which of the labels the page ends, in the model's words."""
        prompt = self._prompt("pause", example, text=labelled)
        [said] = yield from ask(self.llm, prompt, max_tokens=PAUSE_TOKENS, seed=self.seed, name="pause")
        return said.text

    def _memory(self, pages: Sequence[Page], again: Sequence[int] = ()) -> str:
        """The gists in order under their page numbers (from 1); those to be read again in full."""
        shown = [page.text.strip() if i in again else page.gist for i, page in enumerate(pages)]
        numbered = enumerate(shown, 1)
        return BETWEEN.join(self._texts.fill("page.text", number=i, text=text) for i, text in numbered)

    def _parts(self, example: Example) -> list[Document]:
        return pieces_of(example.document, PART_TOKENS, self.llm.tokenizer)
