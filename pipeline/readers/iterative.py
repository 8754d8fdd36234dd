"""Iterative retrieval: search, think, and search again for what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Example, Usage
from rlc.pipeline.context import check_policy, fit_passages
from rlc.pipeline.readers.support.asking import (
    MARGIN,
    NothingRetrieved,
    evidence_of,
    room_for_text,
    tokens_of,
)
from rlc.pipeline.readers.support.reasoning import MOST_PASSAGES, ROUNDS, Gathered, Thought, rounds_of
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search


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
    examples; here the model is told what to write. They also force the last answer by its first words (`forced`).

    Args:
        search: finds the passages.
        llm: thinks and answers.
        method: as above.
        rounds: thoughts at most, after which the answer is asked for; None takes the authors' (5, 8, 3, 5; for
            `iter-retgen` FlashRAG's).
        thought_tokens: of a thought, a follow-up or the answer to one.
        max_tokens: of an answer, where the data set's wording does not say.
        forced: put the first words of the last answer into the model's mouth, as the authors do, for models that go on
            asking; an engine that cannot do so (a server) refuses.
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
        "conclude.reply": (),
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
    forced: bool = False
    overflow: str = "middle"

    def __post_init__(self) -> None:
        check_policy(self.overflow)
        if self._rounds < 1:
            raise ValueError(f"iterative reading takes at least 1 round, got {self.rounds}")

    @property
    def _rounds(self) -> int:
        return ROUNDS[self.method] if self.rounds is None else self.rounds

    def talk(self, example: Example) -> Talk[Answer]:
        read = Gathered(example)
        if self.method == "ircot":
            text = yield from self._ircot(read)
        elif self.method == "iter-retgen":
            text = yield from self._iter_retgen(read)
        else:
            text = yield from self._follow_ups(read, apart=self.method == "self-ask")
        evidence = [one for passage in read.passages for one in evidence_of(example.document_id, passage)]
        return Answer(text, "", tuple(evidence), Usage(cut_tokens=read.cut_tokens))

    def _follow_ups(self, read: Gathered, *, apart: bool) -> Talk[str]:
        """Follow-up questions until the answer comes; `apart`, each is answered from its own passages alone."""
        example = read.example
        log, nothing = "", Gathered(example)
        if not apart:
            yield from self._find(read, example.question)
        for _ in range(self._rounds):
            task = self._task("next", example, log)
            thought = yield from self._think(nothing if apart else read, task, "think")
            if not (asked := thought.follow_up):
                return thought.answer
            shown = Gathered(example) if apart else read
            yield from self._find(shown, asked)
            task = self._texts.fill("follow_up.question", question=asked)
            told = yield from self._think(shown, task, "sub-answer")
            read.add(shown.passages)
            log += self._texts.fill("log.text", question=asked, answer=told.said)
        return (yield from self._conclude(nothing if apart else read, log))

    def _ircot(self, read: Gathered) -> Talk[str]:
        thoughts: list[str] = []
        yield from self._find(read, read.example.question)
        for _ in range(self._rounds):
            so_far = " ".join(thoughts) or self._texts.fill("log.none")
            thought = yield from self._think(read, self._task("thought", read.example, so_far), "think")
            thoughts.append(thought.step)
            if thought.concludes or len(read.passages) >= MOST_PASSAGES:
                break
            yield from self._find(read, thought.step)
            del read.passages[MOST_PASSAGES:]
        return (yield from self._conclude(read, f"{' '.join(thoughts)}\n\n"))

    def _iter_retgen(self, read: Gathered) -> Talk[str]:
        query, said = read.example.question, ""
        for _ in range(self._rounds):
            read.passages.clear()
            yield from self._find(read, query)
            said = yield from self._conclude(read, "")
            query = f"{read.example.question} {said}"
        return said

    def _find(self, read: Gathered, query: str) -> Talk[None]:
        [found] = yield from search(self.search, read.example.document, query)
        read.add(found)
        if not read.passages:
            raise NothingRetrieved(f"no passage shares a word with {query!r}, or a step left none")

    def _conclude(self, read: Gathered, log: str) -> Talk[str]:
        reply = self._texts.fill("conclude.reply") if self.forced else ""
        length = tokens_of(read.example, self.max_tokens)
        task = self._task("conclude", read.example, log)
        said = yield from self._think(read, task, "answer", length, reply)
        return said.answer

    def _think(self, read: Gathered, task: str, name: str, length: int = 0, reply: str = "") -> Talk[Thought]:
        """What the model writes with the passages that fit, newest last; in `thought_tokens` where no length is given."""
        length = length or self.thought_tokens
        frame = self._frame(read.example, [""] * len(read.passages), task)
        texts = [passage.page_content for passage in read.passages]
        kept = 0
        if texts:
            room = room_for_text(self.llm, frame, length)
            kept, read.cut_tokens = fit_passages(texts, room, self.llm.tokenizer, self.overflow)
        prompt = replace(self._frame(read.example, texts[:kept][::-1], task), reply=reply)
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name=name)
        return Thought(said.text.strip())

    def _task(self, name: str, example: Example, log: str) -> str:
        return self._texts.fill(f"{name}.question", asked=self._asked(example), log=log)

    def _frame(self, example: Example, passages: Sequence[str], task: str) -> Prompt:
        """Numbered passages, if there are any, and the task."""
        numbered = "".join(
            self._texts.fill("passage.text", number=i, passage=passage)
            for i, passage in enumerate(passages, 1)
        )
        return Prompt(self._prompt("passages", example, passages=numbered).prefix if passages else "", task)

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: all rounds, each with all that may have been found until then."""
        loads: list[PromptLoad] = []
        for example in examples:
            found = self.search.bound(example.document, self.llm.tokenizer)
            if found is None:
                return None
            tasks = [self._task(name, example, "") for name in ("next", "thought", "conclude")]
            task = max(tasks, key=self.llm.tokenizer.count)
            length = tokens_of(example, self.max_tokens)
            for searches, noted, new in rounds_of(self.method, self._rounds, self.thought_tokens, length):
                passages = searches * found.passages
                frame = self._frame(example, [""] * passages, task)
                room = max(0, room_for_text(self.llm, frame, new))
                # Each entry of the log is a follow-up, its answer, and the words between.
                log = noted * (2 * self.thought_tokens + MARGIN)
                beside = self.llm.count(frame) + log + self.thought_tokens + MARGIN + passages
                text = min(searches * found.tokens, room)
                loads.append(PromptLoad(example.document_id, text, 1, beside, new))
        return loads
