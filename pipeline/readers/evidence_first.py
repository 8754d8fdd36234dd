"""Evidence first: quote what bears on the question, hold the quotes against the text, answer from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Evidence, Example, Usage
from rlc.data.tokens import count_once
from rlc.pipeline.context import check_policy, fit_passages, reading_order
from rlc.pipeline.readers.support.asking import (
    MARGIN,
    NothingRetrieved,
    evidence_of,
    room_for_text,
    tokens_of,
)
from rlc.pipeline.readers.support.moves import BETWEEN, fitted
from rlc.pipeline.readers.support.quotes import places_of, quotes_in
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search


class _Read(NamedTuple):
    """What is read: the prompt, the texts in it with the place of each in its document, and what did not fit."""

    prompt: Prompt
    texts: Sequence[Document]
    evidence: tuple[Evidence, ...]
    cut_tokens: int


@dataclass(frozen=True)
class EvidenceFirst(Strategy):
    """Let the model quote the text before it answers, and answer from those quotes that stand there word for word.

    Where none of them does, the text itself is read for the answer (`check`); a model that was not trained for it
    invents quotes. Evidence are the quotes that were kept, exact spans, also of a whole document. `details` count the
    quotes that were given and those that were kept.

    Source: Evidence to Generate (E2G, arXiv 2401.05787); ALR2 (arXiv 2410.03227), which also fits the model to it. The
    word-for-word check is ours.

    Args:
        llm: quotes and answers.
        search: finds passages to quote from; None quotes from the whole document.
        check: keep only quotes that stand in the text; without it whatever was written is what the answer is given from.
        quote_tokens: of all quotes on a question.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of a text that does not fit the window: `refuse`, `middle` or `head`.
    """

    VERSION: ClassVar[int] = 2  # quotes of scripts without spaces are kept
    role: ClassVar[Role] = "both"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "quote.question": ("question",),
        "evidence.prefix": ("source?", "text"),
        "evidence.question": ("question",),
        "source.other": (),
    }

    llm: LLM
    search: Searcher | None = None
    check: bool = True
    quote_tokens: int = 512
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)

    def talk(self, example: Example) -> Talk[Answer]:
        if self.search is None:
            read = self._whole(example)
        else:
            [passages] = yield from search(self.search, example.document, example.question)
            read = self._passages(example, passages)
        length = tokens_of(example, self.max_tokens)
        [said] = yield from ask(
            self.llm,
            self._quoting(read.prompt, example),
            max_tokens=self.quote_tokens,
            seed=self.seed,
            name="quote",
        )
        quotes = quotes_in(said.text)
        kept = self._kept(example, quotes, read.texts)
        prompt = read.prompt
        if kept or not self.check:
            quoted = "\n".join(dict.fromkeys(kept.values())) if self.check else said.text
            prompt = self._last_prompt("evidence", example, quoted)
        [last] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        details = {"quotes": len(quotes), "kept": len(kept)}
        return Answer(
            last.text, "", tuple(kept) or read.evidence, Usage(cut_tokens=read.cut_tokens), details=details
        )

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: the text is read for the quotes, and once more where none of them stands in it."""
        loads: list[PromptLoad] = []
        for example in examples:
            length = tokens_of(example, self.max_tokens)
            tokens, passages = self._tokens(example)
            if tokens is None:
                return None
            frame = self._last_prompt("answer", example, BETWEEN * passages)
            quoting = self.llm.count(self._quoting(frame, example)) + MARGIN + passages
            answering = max(
                quoting,
                self.llm.count(self._last_prompt("evidence", example, "")) + self.quote_tokens + MARGIN,
            )
            read = min(tokens, max(0, self._room(example, passages)))
            # One prompt after the other on one text: of the second, only what comes after it is new.
            loads.append(
                PromptLoad(
                    example.document_id, read, 2, answering, max(length, self.quote_tokens), tokens - read
                )
            )
        return loads

    def _tokens(self, example: Example) -> tuple[int | None, int]:
        """Bound the tokens of the text that is read, and the number of its passages."""
        if self.search is None:
            return count_once(self.llm.tokenizer, example.document.page_content), 0
        load = self.search.bound(example.document, self.llm.tokenizer)
        return (None, 0) if load is None else (load.tokens, load.passages)

    def _room(self, example: Example, passages: int) -> int:
        """Tokens left for the text, in both prompts that it stands in."""
        frame = self._last_prompt("answer", example, BETWEEN * passages)
        quoting = room_for_text(self.llm, self._quoting(frame, example), self.quote_tokens)
        return min(quoting, room_for_text(self.llm, frame, tokens_of(example, self.max_tokens)))

    def _whole(self, example: Example) -> _Read:
        document = example.document
        fit = fitted(document.page_content, self._room(example, 0), self.llm.tokenizer, self.overflow)
        prompt = self._last_prompt("answer", example, fit.text)
        texts = [
            Document(page_content=document.page_content[a:b], metadata={"start_index": a, "end_index": b})
            for a, b in fit.spans
        ]
        return _Read(prompt, texts, (), fit.cut_tokens)

    def _passages(self, example: Example, passages: Sequence[Document]) -> _Read:
        room = self._room(example, len(passages))
        kept, cut = fit_passages([p.page_content for p in passages], room, self.llm.tokenizer, self.overflow)
        if not kept:
            raise NothingRetrieved("no passage shares a word with the question, or a step left none")
        texts = reading_order(passages[:kept], "document")
        prompt = self._last_prompt("answer", example, BETWEEN.join(p.page_content for p in texts))
        evidence = [one for passage in texts for one in evidence_of(example.document_id, passage)]
        return _Read(prompt, texts, tuple(evidence), cut)

    def _quoting(self, prompt: Prompt, example: Example) -> Prompt:
        """Ask for quotes of a text; engines keep the text for the answer."""
        quoting = self._texts.fill("quote.question", question=example.question)
        return Prompt(prompt.prefix, quoting, prompt.system)

    def _kept(
        self, example: Example, quotes: Sequence[str], texts: Sequence[Document]
    ) -> dict[Evidence, str]:
        """The quotes that stand in the texts, as they stand there, by their places."""
        kept: dict[Evidence, str] = {}
        for text in texts:
            for start, end in places_of(quotes, text.page_content):
                for whole in evidence_of(example.document_id, text):
                    # Of a pruned passage the spans that were kept are known, not which of them the quote stands in.
                    exact = replace(whole, start=whole.start + start, end=whole.start + end)
                    kept[whole if whole.passage else exact] = text.page_content[start:end]
        return kept
