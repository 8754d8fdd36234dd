"""Iterative retrieval: search, think, and search again for what is missing."""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Document, Example, Usage
from rlc.data.text.sentences import split_sentences
from rlc.pipeline.context import check_policy, fit_passages
from rlc.pipeline.readers.support.asking import (
    MARGIN,
    NothingRetrieved,
    evidence_of,
    room_for_text,
    tokens_of,
)
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search

FINAL = re.compile(r"(?:final )?answer is:?\s*(.+)", re.IGNORECASE | re.DOTALL)
FOLLOW_UP = re.compile(r"follow[- ]?up:?\s*(.+)", re.IGNORECASE)
MOST_PASSAGES = 15  # that IRCoT gathers

ROUNDS = {"iter-drag": 5, "ircot": 8, "iter-retgen": 3, "self-ask": 5}


@dataclass
class _Gathered:
    """Passages that were found, newest search first, and the tokens of those that did not fit the last prompt."""

    passages: list[Document] = field(default_factory=list)
    cut_tokens: int = 0

    def add(self, found: Sequence[Document]) -> None:
        """Put what was found before all that was found earlier."""
        again = {passage.id for passage in found}
        self.passages[:] = [*found, *(passage for passage in self.passages if passage.id not in again)]


@dataclass(frozen=True)
class Iterative(Strategy):
    """Search for the question, let the model say what is missing, search for that, and go on until it answers.

    `method` says what is searched for and what is read:

    - `iter-drag`: the model writes a follow-up question or the answer; a follow-up is searched for and answered from
      all that was found, and both stand in the next prompt (IterDRAG, Yue et al., ICLR 2025, arXiv 2410.04343).
    - `ircot`: it writes one sentence of reasoning at a time, which is searched for; up to 15 passages are gathered, and
      the question is answered from them (IRCoT, Trivedi et al., ACL 2023, arXiv 2212.10509).
    - `iter-retgen`: it answers, question and answer are searched for together, and it answers from what that finds
      (Iter-RetGen, Shao et al., EMNLP 2023 Findings, arXiv 2305.15294).
    - `self-ask`: follow-ups as above, each answered from its own passages alone; the question itself is not searched for
      (Self-Ask with search, Press et al., EMNLP 2023 Findings, arXiv 2210.03350).

    The newest passages stand nearest to the question; what does not fit is dropped, oldest first. The papers show worked
    examples and force the last answer by its first words; here the model is told what to write, which any engine takes.

    Args:
        search: finds the passages.
        llm: thinks and answers.
        method: as above.
        rounds: thoughts at most, after which the answer is asked for; None takes the authors' (5, 8, 3, 5; for
            `iter-retgen` FlashRAG's).
        thought_tokens: of a thought, a follow-up or the answer to one.
        max_tokens: of an answer, where the data set's wording does not say.
        overflow: under `refuse` a question whose passages do not fit fails.
    """

    role: ClassVar[Role] = "rag"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "passages.prefix": ("source?", "passages"),
        "passage.text": ("number?", "passage"),
        "next.question": ("asked", "log"),
        "follow_up.question": ("question",),
        "thought.question": ("asked", "log"),
        "conclude.question": ("asked", "log"),
        "log.text": ("question", "answer"),
        "log.none": (),
        "asked.text": ("question",),
        "source.other": (),
    }

    search: Searcher
    llm: LLM
    method: Literal["iter-drag", "ircot", "iter-retgen", "self-ask"] = "iter-drag"
    rounds: int | None = None
    thought_tokens: int = 128
    max_tokens: int = 64
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        if self._rounds < 1:
            raise ValueError(f"iterative reading takes at least 1 round, got {self.rounds}")

    @property
    def _rounds(self) -> int:
        return ROUNDS[self.method] if self.rounds is None else self.rounds

    def talk(self, example: Example) -> Talk[Answer]:
        read = _Gathered()
        if self.method == "ircot":
            text = yield from self._ircot(example, read)
        elif self.method == "iter-retgen":
            text = yield from self._iter_retgen(example, read)
        else:
            text = yield from self._follow_ups(example, read, apart=self.method == "self-ask")
        evidence = [one for passage in read.passages for one in evidence_of(example.document_id, passage)]
        return Answer(text, "", tuple(evidence), Usage(cut_tokens=read.cut_tokens))

    def _follow_ups(self, example: Example, read: _Gathered, *, apart: bool) -> Talk[str]:
        """Follow-up questions until the answer comes; `apart`, each is answered from its own passages alone."""
        log, nothing = "", _Gathered()
        if not apart:
            yield from self._find(example, read, example.question)
        for _ in range(self._rounds):
            task = self._texts.fill("next.question", asked=self._asked(example), log=log)
            said = yield from self._ask(example, nothing if apart else read, task, "think")
            follow_up = FOLLOW_UP.search(said)
            if not follow_up:
                return answer_in(said)
            shown = _Gathered() if apart else read
            yield from self._find(example, shown, follow_up[1])
            told = yield from self._ask(
                example, shown, self._texts.fill("follow_up.question", question=follow_up[1]), "sub-answer"
            )
            read.add(shown.passages)
            log += self._texts.fill("log.text", question=follow_up[1], answer=told)
        return (yield from self._conclude(example, nothing if apart else read, log))

    def _ircot(self, example: Example, read: _Gathered) -> Talk[str]:
        thoughts: list[str] = []
        yield from self._find(example, read, example.question)
        for _ in range(self._rounds):
            so_far = " ".join(thoughts) or self._texts.fill("log.none")
            task = self._texts.fill("thought.question", asked=self._asked(example), log=so_far)
            said = yield from self._ask(example, read, task, "think")
            thought = said if FINAL.search(said) else first_sentence(said)
            thoughts.append(thought)
            if FINAL.search(thought) or len(read.passages) >= MOST_PASSAGES:
                break
            yield from self._find(example, read, thought)
            del read.passages[MOST_PASSAGES:]
        return (yield from self._conclude(example, read, f"{' '.join(thoughts)}\n\n"))

    def _iter_retgen(self, example: Example, read: _Gathered) -> Talk[str]:
        query, said = example.question, ""
        for _ in range(self._rounds):
            read.passages.clear()
            yield from self._find(example, read, query)
            said = yield from self._conclude(example, read, "")
            query = f"{example.question} {said}"
        return said

    def _find(self, example: Example, read: _Gathered, query: str) -> Generator[Any, Any, None]:
        [found] = yield from search(self.search, example.document, query)
        read.add(found)
        if not read.passages:
            raise NothingRetrieved(f"no passage shares a word with {query!r}, or a step left none")

    def _ask(self, example: Example, read: _Gathered, task: str, name: str) -> Talk[str]:
        prompt, read.cut_tokens = self._with_passages(example, read.passages, task, self.thought_tokens)
        [said] = yield from ask(self.llm, prompt, max_tokens=self.thought_tokens, seed=self.seed, name=name)
        return said.text.strip()

    def _conclude(self, example: Example, read: _Gathered, log: str) -> Talk[str]:
        length = tokens_of(example, self.max_tokens)
        task = self._texts.fill("conclude.question", asked=self._asked(example), log=log)
        prompt, read.cut_tokens = self._with_passages(example, read.passages, task, length)
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        return answer_in(said.text.strip())

    def _with_passages(
        self, example: Example, passages: Sequence[Document], task: str, length: int
    ) -> tuple[Prompt, int]:
        """The passages that fit, newest last, and the task; and the tokens of those that do not fit."""
        if not passages:
            return Prompt("", task), 0
        room = room_for_text(self.llm, self._frame(example, [""] * len(passages), task), length)
        kept, cut = fit_passages([p.page_content for p in passages], room, self.llm.tokenizer, self.overflow)
        shown = [passage.page_content for passage in reversed(passages[:kept])]
        return self._frame(example, shown, task), cut

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: all rounds, each with all that may have been found until then."""
        loads: list[PromptLoad] = []
        for example in examples:
            found = self.search.bound(example.document, self.llm.tokenizer)
            if found is None:
                return None
            length = tokens_of(example, self.max_tokens)
            for searches, noted, answer in self._calls(length):
                passages = searches * found.passages
                frame = self._frame(example, [""] * passages, self._longest_task(example))
                # Each entry of the log is a follow-up, its answer, and the words between.
                log = noted * (2 * self.thought_tokens + MARGIN)
                room = max(0, room_for_text(self.llm, frame, answer))
                loads.append(
                    PromptLoad(
                        example.document_id,
                        min(searches * found.tokens, room),
                        1,
                        self.llm.count(frame) + log + self.thought_tokens + MARGIN + passages,
                        answer,
                    )
                )
        return loads

    def _frame(self, example: Example, passages: Sequence[str], task: str) -> Prompt:
        """Numbered passages, and the task."""
        numbered = "".join(
            self._texts.fill("passage.text", number=i, passage=passage)
            for i, passage in enumerate(passages, 1)
        )
        prefix = self._prompt("passages", example, passages=numbered).prefix
        return Prompt(prefix if passages else "", task)

    def _longest_task(self, example: Example) -> str:
        """The longest of the tasks, with nothing in its log."""
        names = ("next", "thought", "conclude")
        tasks = [self._texts.fill(f"{name}.question", asked=self._asked(example), log="") for name in names]
        return max(tasks, key=self.llm.tokenizer.count)

    def _calls(self, length: int) -> Iterator[tuple[int, int, int]]:
        """Of every call that may be made: searches whose passages stand in it, entries of its log, tokens of its answer."""
        rounds, thought = range(self._rounds), self.thought_tokens
        if self.method == "iter-retgen":
            yield from ((1, 0, length) for _ in rounds)
            return
        own = self.method == "self-ask"
        for n in rounds:
            yield (0 if own else n + 1), n, thought
            if self.method != "ircot":
                yield (1 if own else n + 2), n + 1, thought
        yield (0 if own else self._rounds + 1), self._rounds, length


def answer_in(said: str) -> str:
    """The answer that a text ends with, behind the words that announce it; else the text."""
    found = FINAL.search(said)
    return (found[1] if found else said).strip()


def first_sentence(text: str) -> str:
    """The first sentence of a text."""
    found = split_sentences(text)
    return text[found[0][0] : found[0][1]].strip() if found else text.strip()
