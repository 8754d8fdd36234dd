"""FLARE: look a sentence ahead, and search for what the model is not sure of before it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Generation, Prompt, Role, TokenLogprobs
from rlc.data.records import Answer, Document, Evidence, Example
from rlc.pipeline.context import fit_passages
from rlc.pipeline.readers.support.asking import MARGIN, NothingRetrieved, evidence_of, room_for_text
from rlc.pipeline.readers.support.reasoning import Thought
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search


@dataclass(frozen=True)
class Flare(Strategy):
    """Write an answer sentence by sentence, and search whenever the next one holds a word of low probability.

    The model looks ahead up to `ahead_tokens`, of which the first sentence counts. Where all its tokens are at least as
    likely as `sure`, it stands. Else it is searched for without its tokens that are less likely than `likely`, which may be
    wrong, and the sentence is written anew with what is found in place of the passages before; of a sentence without
    likely tokens, the question is searched for, as it is first of all. The answer is what follows the words "So the final
    answer is", or all that was written. Evidence are all passages that were read.

    The engine must tell log-probabilities and go on from words that it has not written (hf, vllm).

    Source: Jiang et al., Active Retrieval Augmented Generation, EMNLP 2023, arXiv 2305.06983 (FLARE direct, masked), with
    its sizes; the bound on `sentences` is ours, and in place of worked examples the model is told what to write.

    Args:
        search: finds the passages.
        llm: writes.
        sure: a sentence with a token less likely than that is searched for.
        likely: of such a sentence, tokens less likely than that are no part of the query.
        passages: that are read at a time.
        ahead_tokens: that are looked ahead.
        total_tokens: of all that is written.
        sentences: the most that are written.
    """

    role: ClassVar[Role] = "rag"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "write.prefix": ("source?", "passages"),
        "write.question": ("asked",),
        "passage.text": ("number?", "passage"),
        "asked.text": ("question",),
        "source.other": (),
    }

    search: Searcher
    llm: LLM
    sure: float = 0.8
    likely: float = 0.4
    passages: int = 2
    ahead_tokens: int = 64
    total_tokens: int = 256
    sentences: int = 16

    def __post_init__(self) -> None:
        if not 0 <= self.likely <= self.sure <= 1:
            raise ValueError(f"expected 0 <= likely <= sure <= 1, got likely={self.likely}, sure={self.sure}")
        if min(self.passages, self.ahead_tokens, self.total_tokens, self.sentences) < 1:
            raise ValueError("expected at least 1 passage, 1 token ahead and in total, and 1 sentence")

    def talk(self, example: Example) -> Talk[Answer]:
        found = yield from self._find(example, example.question)
        if not found:
            raise NothingRetrieved("no passage was found for the question, or a step left none")
        read, said = dict[Evidence, None](), ""
        for _ in range(self.sentences):
            if self._left(said) < 1:
                break
            written = yield from self._write("ahead", example, found, said, read)
            query = written.logprobs and query_for(written.text, written.logprobs, self.sure, self.likely)
            again = [] if query is None else (yield from self._find(example, query or example.question))
            if again and _texts_of(again) != _texts_of(found):  # of the same it would say the same
                found = again
                written = yield from self._write("rewrite", example, found, said, read)
            sentence = Thought(written.text).sentence
            said = f"{said} {sentence}".strip()
            ended = written.finish_reason == "stop" and written.text.strip() == sentence
            if not sentence or ended or Thought(sentence).concludes:
                break
        return Answer(Thought(said).answer, "", tuple(read))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: every sentence written twice, each time with as many passages as are read at a time."""
        loads: list[PromptLoad] = []
        for example in examples:
            found = self.search.bound(example.document, self.llm.tokenizer)
            if found is None:
                return None
            frame = self._prompt_of(example, [""] * self.passages, "")
            text = min(found.at_most(self.passages).tokens, self.llm.window)
            length = self.llm.count(frame) + text + self.total_tokens + MARGIN
            loads.append(PromptLoad(example.document_id, 0, 2 * self.sentences, length, self.ahead_tokens))
        return loads

    def _find(self, example: Example, query: str) -> Talk[list[Document]]:
        [found] = yield from search(self.search, example.document, query, k=self.passages)
        return found[: self.passages]

    def _write(
        self, name: str, example: Example, found: Sequence[Document], said: str, read: dict[Evidence, None]
    ) -> Talk[Generation]:
        """What follows what is said, with the passages that fit, which are noted as read; how likely, when looking ahead."""
        texts, tokens = _texts_of(found), min(self.ahead_tokens, self._left(said))
        room = room_for_text(self.llm, self._prompt_of(example, [""] * len(texts), said), tokens)
        kept, _ = fit_passages(texts, room, self.llm.tokenizer, "middle")
        read |= {one: None for passage in found[:kept] for one in evidence_of(example.document_id, passage)}
        prompt = self._prompt_of(example, texts[:kept], said)
        ahead = name == "ahead"
        [written] = yield from ask(
            self.llm, prompt, max_tokens=tokens, logprobs=ahead, seed=self.seed, name=name
        )
        return written

    def _left(self, said: str) -> int:
        return self.total_tokens - self.llm.tokenizer.count(said)

    def _prompt_of(self, example: Example, texts: Sequence[str], said: str) -> Prompt:
        numbered = "".join(
            self._texts.fill("passage.text", number=i, passage=text) for i, text in enumerate(texts, 1)
        )
        framed = self._prompt("write", example, passages=numbered, asked=self._asked(example))
        return Prompt(framed.prefix, framed.question, framed.system, said)


def _texts_of(passages: Sequence[Document]) -> list[str]:
    return [passage.page_content for passage in passages]


def query_for(text: str, tokens: TokenLogprobs, sure: float, likely: float) -> str | None:
    """What to search for before the first sentence of a text may stand: its likely tokens; None where it is sure."""
    sentence = Thought(text).sentence
    start = text.find(sentence)
    own = tokens.within(start, start + len(sentence))
    chances = np.exp(own.values)
    if (chances >= sure).all():
        return None
    kept = "".join(
        sentence[a:b] if chance >= likely else " " for (a, b), chance in zip(own.spans, chances, strict=True)
    )
    return " ".join(kept.split()) if any(map(str.isalnum, kept)) else ""
