"""Long-context reader: the whole document in the prompt."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document

from rlc.data.completed import in_order
from rlc.data.errors import ContextOverflowError, DataError
from rlc.data.loads import PassageLoad, PromptLoad
from rlc.data.prompt_files import ENGLISH, PromptFile, PromptTexts, read_prompts
from rlc.data.protocols import LLM, Role
from rlc.data.records import Answer, Evidence, Example, Usage
from rlc.data.tokens import count_once
from rlc.pipeline.context import Fitted, check_policy, fit, reading_order
from rlc.pipeline.prompts import long_prompt, wording_of
from rlc.pipeline.readers.support.asking import (
    MARGIN,
    Request,
    ask_as_completed,
    evidence_of,
    room_for_text,
    searched,
    tokens_of,
)
from rlc.pipeline.readers.support.indexing import warm
from rlc.retrievers.prune.base import Kept, pruned
from rlc.retrievers.support.compressor import let_through

BETWEEN = "\n\n"  # stands between passages


@dataclass(frozen=True)
class LongReader:
    """Give the language model the whole document, then the question.

    Questions are asked document by document, and the document's part of the prompt has the same bytes for all of
    them, so that an engine that keeps a prefix reads each document once. Every answer says how much was cut.

    With `steps` each question is given its own version of the document, in the document's order. The shared prefix is
    lost, and the engine's count of cached tokens says what that costs.

    Args:
        llm: reads.
        steps: pruners that refine the document for each question, in turn.
        chunker: cuts the document into passages for the steps; None hands it to them whole.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of a document that does not fit the window: `refuse`, `middle` or `head`.
        seed: of an engine that samples.
        prompt: a language that ships (`en`, `de`, `zh`), or a file of your own; either but `en` stands in place of the
            wording of a data set's authors, too.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "ask.prefix": ("source?", "text"),
        "ask.question": ("question",),
        "source.other": (),
    }

    llm: LLM
    steps: Sequence[BaseDocumentCompressor] = ()
    chunker: BaseDocumentTransformer | None = None
    max_tokens: int = 64
    overflow: str = "middle"
    seed: int = 0
    prompt: PromptFile = ENGLISH

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        self._texts  # noqa: B018 - a bad prompt file is refused here, not at the first question

    @cached_property
    def _texts(self) -> PromptTexts:
        return read_prompts(LongReader, self.prompt)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        return in_order(self.answer_as_completed(examples))

    def answer_as_completed(self, examples: Sequence[Example], /) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its example's place."""
        order = sorted(range(len(examples)), key=lambda i: examples[i].document_id)  # stable: neighbours stay
        fitted: dict[tuple[str, int], Fitted] = {}
        requests = [self._request(examples[i], fitted) for i in order]
        for i, answer in ask_as_completed(self.llm, requests, self.max_tokens, self.seed):
            yield order[i], answer

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: a document is read once and each of its questions after it, or once for each with steps.

        None where a step cannot say, or a chunker that repeats text hands the document on in passages.
        """
        groups: dict[str, list[Example]] = {}
        for example in examples:
            groups.setdefault(example.id if self.steps else example.document_id, []).append(example)
        loads = [self._load(group) for group in groups.values()]
        known = [load for load in loads if load is not None]
        return known if len(known) == len(loads) else None

    def _load(self, examples: Sequence[Example]) -> PromptLoad | None:
        document = examples[0].document
        kind = str(document.metadata.get("kind", ""))
        frames = [
            long_prompt(self._texts, kind, "", example.question, wording_of(example, self.prompt))
            for example in examples
        ]
        lengths = [tokens_of(example, self.max_tokens) for example in examples]
        tokens = self._text_tokens(document)
        if tokens is None:
            return None
        room = max(0, *(room_for_text(self.llm, *one) for one in zip(frames, lengths, strict=True)))
        read = tokens if self.overflow == "refuse" else min(tokens, room)
        return PromptLoad(
            document=examples[0].document_id,
            tokens=read,
            questions=len(examples),
            question_tokens=max(map(self.llm.count, frames)) + MARGIN,
            answer_tokens=max(lengths),
            cut_tokens=max(0, tokens - room),
        )

    def _text_tokens(self, document: Document) -> int | None:
        """Bound the tokens of what is read of a document, before it is fitted to the window."""
        whole = count_once(self.llm.tokenizer, document.page_content)
        if not self.steps:
            return whole
        if self.chunker is not None and getattr(self.chunker, "overlap", None) != 0:
            return None
        # Where it is cut, a passage is followed by `BETWEEN`, which is no longer than the shortest passage.
        tokens = whole if self.chunker is None else 2 * whole
        load = let_through(self.steps, PassageLoad(whole, whole, tokens))
        return None if load is None else load.tokens

    def _request(self, example: Example, known: dict[tuple[str, int], Fitted]) -> Request:
        """The prompt; `known` holds documents already fitted, since all ordinary questions leave the same room."""
        kind = str(example.document.metadata.get("kind", ""))
        max_tokens = tokens_of(example, self.max_tokens)
        frame = long_prompt(self._texts, kind, "", example.question, wording_of(example, self.prompt))
        room = room_for_text(self.llm, frame, max_tokens)
        warm(self.steps)
        started = time.perf_counter()
        passages = self._refined(example) if self.steps else [_as_passage(example.document)]
        usage = searched(time.perf_counter() - started) if self.steps else Usage()
        key = (example.id if self.steps else example.document_id, room)
        try:
            if key not in known:
                text = BETWEEN.join(passage.page_content for passage in passages)
                known[key] = fit(text, room, self.llm.tokenizer, self.overflow)
            evidence = _evidence(example, passages, known[key]) if self.steps else ()
        except (ContextOverflowError, DataError) as error:
            return Request(None, usage=usage, error=f"{type(error).__name__}: {error}")
        return Request(
            long_prompt(
                self._texts, kind, known[key].text, example.question, wording_of(example, self.prompt)
            ),
            evidence,
            replace(usage, cut_tokens=known[key].cut_tokens),
            max_tokens=max_tokens,
        )

    def _refined(self, example: Example) -> list[Document]:
        """What the steps leave of the document, in its order."""
        document = example.document
        passages: Sequence[Document] = (
            [_as_passage(document)] if self.chunker is None else self.chunker.transform_documents([document])
        )
        for step in self.steps:
            passages = step.compress_documents(passages, example.question)
        return reading_order(passages, "document")


def _evidence(example: Example, passages: Sequence[Document], fitted: Fitted) -> tuple[Evidence, ...]:
    """What is read of the passages, which stand one behind the other, `BETWEEN` them, in the text that was fitted."""
    found: list[Evidence] = []
    at = 0
    for passage in passages:
        end = at + len(passage.page_content)
        read = [(max(a, at) - at, min(b, end) - at) for a, b in fitted.spans if max(a, at) < min(b, end)]
        shown = pruned(passage, Kept(read)) if fitted.cut_tokens else passage
        found += evidence_of(example.document_id, shown)
        at = end + len(BETWEEN)
    return tuple(found)


def _as_passage(document: Document) -> Document:
    """The whole document as one passage of itself."""
    place = {"source": document.id, "start_index": 0, "end_index": len(document.page_content)}
    return Document(
        id=document.id, page_content=document.page_content, metadata={**document.metadata, **place}
    )
