"""LongAgent: a leader asks, members answer from their parts, and members who disagree read their parts together."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Role
from rlc.data.records import Answer, Document, Evidence, Example
from rlc.data.text.fold import fold
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.moves import BETWEEN, pieces_of, says_nothing, span_of
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask

_MOVE = re.compile(r"(?<![A-Za-z])(ASK|ANSWER)\W*[:：]\s*(\S.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """What some members say, and the parts that they have read."""

    text: str
    parts: tuple[Document, ...]


@dataclass(frozen=True)
class LongAgent(Strategy):
    """Let a leader who reads nothing ask members who have read a part of the document each, until it can answer.

    Members whose part tells nothing are left out. Answers that are the same word for word count as one; as long as two
    differ, the parts of one member of either are read together and the question asked again. After `turns` the leader
    answers from what was said. Evidence are the parts of the members whose answers were taken.

    Source: Zhao et al., LongAgent, arXiv 2402.11550: parts of 1,500 tokens, at most 3 turns of the leader. There the
    members are fine-tuned.

    Args:
        llm: the members.
        leader: leads; None lets `llm`.
        part: tokens that a member reads.
        turns: the most questions of the leader.
        note_tokens: of what a member or the leader says.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "long"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "lead.prefix": ("source?",),
        "lead.question": ("question", "found"),
        "member.prefix": ("source?", "text"),
        "member.question": ("asked",),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "found.text": ("asked?", "said"),
        "found.nobody": (),
        "source.other": (),
    }

    llm: LLM
    leader: LLM | None = None
    part: int = 1500
    turns: int = 3
    note_tokens: int = 64
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        length = tokens_of(example, self.max_tokens)
        found, evidence = "", list[Evidence]()
        for _ in range(self.turns):
            prompt = self._prompt("lead", example, found=found)
            [said] = yield from ask(
                self._leader, prompt, max_tokens=length + self.note_tokens, seed=self.seed, name="lead"
            )
            move = _MOVE.search(said.text)
            if move and move[1].upper() == "ANSWER" and found:
                return Answer(move[2].strip(), "", tuple(dict.fromkeys(evidence)))
            # A leader that answers before it has asked, or says neither word, has its question asked as it stands.
            asked = move[2].strip() if move and move[1].upper() == "ASK" else example.question
            finding = yield from self._ask_members(example, asked)
            found += self._texts.fill("found.text", asked=asked, said=finding.text)
            evidence += [span_of(example, part) for part in finding.parts]
        prompt = self._last_prompt("answer", example, found)
        [last] = yield from ask(self._leader, prompt, max_tokens=length, seed=self.seed, name="answer")
        return Answer(last.text, "", tuple(dict.fromkeys(evidence)))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts; None where the leader counts tokens of its own.

        As if every turn asked all members, and all of them disagreed.
        """
        if self._leader.tokenizer.name != self.llm.tokenizer.name:
            return None
        loads = []
        for example in examples:
            length = tokens_of(example, self.max_tokens)
            parts = len(self._parts(example))
            asked = max(self.note_tokens + length, self.llm.tokenizer.count(example.question)) + MARGIN
            member = self.llm.count(self._prompt("member", example, text="", asked="")) + asked
            said = self.turns * (asked + self.note_tokens + MARGIN)
            lead = self.llm.count(self._prompt("lead", example, found="")) + said
            last = self.llm.count(self._last_prompt("answer", example, "")) + said + MARGIN
            document = example.document_id
            loads += [
                PromptLoad(document, 0, self.turns * parts, member + self.part, self.note_tokens),
                PromptLoad(document, 0, self.turns * (parts - 1), member + 2 * self.part, self.note_tokens),
                PromptLoad(document, 0, self.turns, lead, length + self.note_tokens),
                PromptLoad(document, 0, 1, last, length),
            ]
        return loads

    @property
    def _leader(self) -> LLM:
        return self.leader or self.llm

    def _parts(self, example: Example) -> list[Document]:
        return pieces_of(example.document, self.part, self.llm.tokenizer)

    def _ask_members(self, example: Example, asked: str) -> Talk[Finding]:
        """What the members agree on."""
        parts = self._parts(example)
        said = yield from self._answers(example, asked, [part.page_content for part in parts])
        agreeing: dict[str, Finding] = {}
        for part, text in zip(parts, said, strict=True):
            if not says_nothing(text):
                one = agreeing.setdefault(fold(text), Finding(text, ()))
                agreeing[fold(text)] = Finding(one.text, (*one.parts, part))
        findings = list(agreeing.values())
        while len(findings) > 1:
            first, second, *others = findings
            together = f"{first.parts[0].page_content}{BETWEEN}{second.parts[0].page_content}"
            [text] = yield from self._answers(example, asked, [together])
            parts_of_both = (first.parts[0], second.parts[0])
            findings = [*([] if says_nothing(text) else [Finding(text, parts_of_both)]), *others]
        return findings[0] if findings else Finding(self._texts.fill("found.nobody"), ())

    def _answers(self, example: Example, asked: str, texts: Sequence[str]) -> Talk[list[str]]:
        prompts = [self._prompt("member", example, text=text, asked=asked) for text in texts]
        said = yield from ask(self.llm, *prompts, max_tokens=self.note_tokens, seed=self.seed, name="member")
        return [one.text.strip() for one in said]
