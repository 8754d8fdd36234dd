"""Attrieval: what the model looked at while it reasoned is put before it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Floats, Prompt, Role, Seen, attending
from rlc.data.records import Answer, Evidence, Example, Usage
from rlc.data.text.sentences import split_sentences
from rlc.data.tokens import count_once
from rlc.pipeline.context import GAP, Fitted, check_policy
from rlc.pipeline.readers.support.arranged import ANSWER, mean_of_layers, spans_of
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import fitted, room_for
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, attend

FACT_TOKENS = 64  # of a sentence, where room is made for those that are put back


class _Fact(NamedTuple):
    """A sentence: its span in the document, and where it begins in the text that is read."""

    start: int
    end: int
    at: int


@dataclass(frozen=True)
class Attrieval(Strategy):
    """Let the model reason over the whole document, and read once more with the sentences that it looked at.

    While it reasons, a model looks at facts that it does not name. Of every token of its reasoning the `tokens` most
    looked-at tokens of the document count (mean over the heads of the last quarter of the layers). A sentence that holds
    one of these for at least `sink` of the reasoning is looked at for no reason and left out; of the others the `facts`
    with the greatest mean attention are put before the question, in the document's order, for the answer. They are its
    evidence. Needs an engine that shows what it looks at (`hf`).

    Source: Zhang et al., Attention Reveals More Than Tokens, 2025, arXiv 2503.09819. The choice of reasoning tokens by a
    second pass, an option of theirs, is left out.

    Args:
        llm: reads.
        facts: sentences that are put back.
        tokens: of the document that count for a token of the reasoning.
        sink: share of the reasoning from which on a sentence is looked at for no reason.
        reason_tokens: of the reasoning.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: what becomes of a document that does not fit the window: `refuse`, `middle` or `head`.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        **ANSWER,
        "reason.question": ("question",),
        "facts.text": ("facts",),
    }

    llm: LLM
    facts: int = 10
    tokens: int = 50
    sink: float = 0.99
    reason_tokens: int = 256
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        attending(self.llm)
        if min(self.facts, self.tokens) < 1 or not 0 < self.sink <= 1:
            raise ValueError(
                f"facts and tokens must be at least 1 and sink in (0, 1]; got facts={self.facts}, "
                f"tokens={self.tokens}, sink={self.sink}"
            )

    def talk(self, example: Example) -> Talk[Answer]:
        text = example.document.page_content
        fit = fitted(text, self._room(example), self.llm.tokenizer, self.overflow)
        last = self._last_prompt("answer", example, fit.text)
        reasoning = Prompt(last.prefix, self._texts.fill("reason.question", question=example.question))
        [thought] = yield from ask(
            self.llm, reasoning, max_tokens=self.reason_tokens, seed=self.seed, name="reason"
        )
        found: list[_Fact] = []
        if thought.text.strip():
            found = yield from self._looked_at(example, replace(reasoning, reply=thought.text), fit)
        shown = "\n".join(f"- {' '.join(text[fact.start : fact.end].split())}" for fact in found)
        before = self._texts.fill("facts.text", facts=shown) if found else ""
        [said] = yield from ask(
            self.llm,
            Prompt(last.prefix, before + last.question),
            max_tokens=tokens_of(example, self.max_tokens),
            seed=self.seed,
            name="answer",
        )
        evidence = tuple(Evidence(example.document_id, fact.start, fact.end) for fact in found)
        return Answer(said.text, "", evidence, Usage(cut_tokens=fit.cut_tokens))

    def _looked_at(self, example: Example, prompt: Prompt, fit: Fitted) -> Talk[list[_Fact]]:
        """The facts that the reply looks at, in the document's order."""
        known = _facts_of(example.document.page_content, fit)
        [(begin, end)] = spans_of(lambda texts: self._last_prompt("answer", example, texts[0]), [fit.text])
        starts = np.array([begin + fact.at for fact in known])
        owners: list[NDArray[np.int64]] = []

        def see(seen: Seen) -> Floats:
            places = seen.within(begin, end)
            owners[:] = [np.searchsorted(starts, seen.tokens[places, 1], side="left") - 1]
            return np.asarray(seen.attention[:, :, places].mean(0), np.float32)

        def total(layers: Sequence[Floats]) -> Floats:
            chosen = facts_looked_at(mean_of_layers(layers), owners[0], self.tokens, self.sink, self.facts)
            return np.array(chosen, np.float32)

        depth = attending(self.llm).depth
        chosen = yield from attend(
            self.llm,
            prompt,
            see,
            total,
            since=len(prompt.prefix + prompt.question),
            layers=range(depth - max(1, depth // 4), depth),
            about=[self.facts, self.tokens, self.sink],
            name="look",
        )
        return [known[int(i)] for i in chosen]

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad]:
        """Bound the prompts: the document once for its reasoning, once more with it, and once for the answer."""
        loads: list[PromptLoad] = []
        for example in examples:
            whole = count_once(self.llm.tokenizer, example.document.page_content)
            room = max(0, self._room(example))
            frame = max(map(self.llm.count, self._frames(example))) + self._beside + MARGIN
            new = max(self.reason_tokens, tokens_of(example, self.max_tokens))
            read = whole if self.overflow == "refuse" else min(whole, room)
            loads.append(PromptLoad(example.document_id, read, 3, frame, new, max(0, whole - room)))
        return loads

    @property
    def _beside(self) -> int:
        """Tokens beside the document and the question: the reasoning, or the facts."""
        return max(self.reason_tokens, self.facts * FACT_TOKENS) + MARGIN

    def _frames(self, example: Example) -> list[Prompt]:
        last = self._last_prompt("answer", example, "")
        facts = self._texts.fill("facts.text", facts="")
        reason = self._texts.fill("reason.question", question=example.question)
        return [Prompt(last.prefix, facts + last.question), Prompt(last.prefix, reason)]

    def _room(self, example: Example) -> int:
        length = max(self.reason_tokens, tokens_of(example, self.max_tokens))
        return min(room_for(self.llm, frame, length, beside=self._beside) for frame in self._frames(example))


def _facts_of(text: str, fit: Fitted) -> list[_Fact]:
    """The sentences of what is read of a document."""
    facts, at = [], 0
    for start, end in fit.spans:
        piece = text[start:end]
        facts += [
            _Fact(start + a, start + b, at + a) for a, b in split_sentences(piece) if piece[a:b].strip()
        ]
        at += end - start + len(GAP)
    return facts


def facts_looked_at(
    attention: Floats, owners: NDArray[np.int64], tokens: int, sink: float, facts: int
) -> list[int]:
    """The numbers of the facts that a reasoning looks at, ascending.

    Args:
        attention: what each token of the reasoning pays to each token of the text, float32 [reasoning, text].
        owners: the fact that each token of the text belongs to, int64 [text]; -1 where it is of none.
        tokens: the most looked-at ones of the text that count for a token of the reasoning.
        sink: a fact that holds one of these for at least this share of the reasoning is left out.
        facts: the most that are returned, those with the greatest mean attention; equals in the text's order.
    """
    top = np.argsort(-attention, axis=1, kind="stable")[:, :tokens]
    held: dict[int, int] = {}
    for row in top:
        for fact in set(owners[row].tolist()) - {-1}:
            held[fact] = held.get(fact, 0) + 1
    means = {
        fact: float(attention[:, owners == fact].mean())
        for fact, times in held.items()
        if times < sink * len(attention)
    }
    return sorted(sorted(means, key=lambda fact: (-means[fact], fact))[:facts])
