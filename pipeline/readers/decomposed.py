"""Decomposed prompting: simpler questions that another reader answers one after the other, and then the question."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.errors import EngineError
from rlc.data.loads import Foreseeable, PromptLoad
from rlc.data.protocols import LLM, Prompt, Reader, Role
from rlc.data.records import Answer, Evidence, Example
from rlc.data.tokens import head
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.quotes import LISTED
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, read

_REFERENCE = re.compile(r"#(\d{1,3})")


@dataclass(frozen=True)
class Decomposed(Strategy):
    """Let the model list simpler questions, let `handler` answer each, and answer the question from those answers.

    A simpler question may name an earlier answer as `#1`, which is put in its place before it is asked. The handler is
    any reader: passages, the whole document, another strategy. Where it fails on one of them the question fails. A
    question that is simple itself is handed on as it is. Evidence is what the handler's answers rest on.

    Source: Khot et al., Decomposed Prompting, ICLR 2023, arXiv 2210.02406 (the handlers and `#1`); Zhou et al.,
    Least-to-Most Prompting, ICLR 2023, arXiv 2205.10625 (all simpler questions first). Both show worked examples; here
    the model is told what to write.

    Args:
        llm: lists the simpler questions and gives the answer.
        handler: answers the simpler questions.
        parts: the most of them.
        part_tokens: of one of them, with the answers that are put in.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "both"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "decompose.question": ("question", "most?", "source?"),
        "answered.text": ("question", "answer"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "source.other": (),
    }

    llm: LLM
    handler: Reader
    parts: int = 4
    part_tokens: int = 128
    max_tokens: int = 64

    def __post_init__(self) -> None:
        if self.parts < 1:
            raise ValueError(f"expected at least 1 simpler question, got parts={self.parts}")

    def talk(self, example: Example) -> Talk[Answer]:
        prompt = self._decomposing(example)
        tokens = self.parts * self.part_tokens
        [said] = yield from ask(self.llm, prompt, max_tokens=tokens, seed=self.seed, name="decompose")
        told, evidence, answers = "", dict[Evidence, None](), list[str]()
        for part in questions_in(said.text)[: self.parts] or [example.question]:
            asked = head(self.llm.tokenizer, with_answers(part, answers), self.part_tokens)
            # The authors' wording is of their question: it may ask for one of several choices.
            simpler = replace(example, question=asked, wording=None)
            answer = yield from read(self.handler, simpler, name="part")
            if answer.error is not None:
                raise EngineError(f"the handler failed on {asked!r}: {answer.error}")
            answers.append(answer.text.strip())
            told += self._texts.fill("answered.text", question=asked, answer=answers[-1])
            evidence |= dict.fromkeys(answer.evidence)
        last = self._last_prompt("answer", example, told)
        length = tokens_of(example, self.max_tokens)
        [text] = yield from ask(self.llm, last, max_tokens=length, seed=self.seed, name="answer")
        return Answer(text.text, "", tuple(evidence))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts as if every question had all its parts, each of full length.

        None where the handler cannot say, or counts tokens of its own.
        """
        longest = "word " * self.part_tokens
        simpler = [
            replace(one, question=longest, wording=None) for one in examples for _ in range(self.parts)
        ]
        loads = self.handler.reads(simpler) if isinstance(self.handler, Foreseeable) else None
        own = getattr(getattr(self.handler, "llm", None), "tokenizer", None)
        if loads is None or own is None or own.name != self.llm.tokenizer.name:
            return None
        answered = max((load.answer_tokens for load in loads), default=0)
        told = self.parts * (self.part_tokens + answered + 2 * MARGIN)
        for example in examples:
            plan = self.llm.count(self._decomposing(example)) + MARGIN
            last = self.llm.count(self._last_prompt("answer", example, "")) + told + MARGIN
            loads = [
                *loads,
                PromptLoad(example.document_id, 0, 1, plan, self.parts * self.part_tokens),
                PromptLoad(example.document_id, 0, 1, last, tokens_of(example, self.max_tokens)),
            ]
        return loads

    def _decomposing(self, example: Example) -> Prompt:
        return self._prompt("decompose", example, most=self.parts)


def questions_in(said: str) -> list[str]:
    r"""The questions of a text, one a line, without their numbers or bullets.

    >>> questions_in("Sure:\n1. Who built it?\n- When did #1 die?")
    ['Who built it?', 'When did #1 die?']
    """
    lines = [LISTED.sub("", line).strip() for line in said.splitlines()]
    return [line for line in lines if line.endswith(("?", "？"))]


def with_answers(question: str, answers: Sequence[str]) -> str:
    """A question in which `#1` is the first answer; a number without an answer stays as it is.

    >>> with_answers("When did #1 die, and #7?", ["Ann"])
    'When did Ann die, and #7?'
    """

    def answered(match: re.Match[str]) -> str:
        place = int(match[1]) - 1
        return answers[place] if 0 <= place < len(answers) else match[0]

    return _REFERENCE.sub(answered, question)
