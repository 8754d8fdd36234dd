"""An agent: the model searches, greps, opens and counts until it answers."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role, Tokenizer
from rlc.data.records import Answer, Document, Evidence, Example
from rlc.pipeline.readers.support.asking import MARGIN, evidence_of, tokens_of
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search
from rlc.pipeline.readers.support.tools import Call, around, call_in, matches, outline, place_in


class Place(NamedTuple):
    """Something that can be read: where it stands and what it says."""

    at: Evidence
    text: str


@dataclass
class _Log:
    """What was done and shown, oldest first; what does not fit is forgotten from the front."""

    entries: list[tuple[str, list[Place]]] = field(default_factory=list)
    found: list[Place] = field(default_factory=list)  # by the last search, grep or open
    read: dict[Evidence, None] = field(default_factory=dict)

    def add(self, call: Call, shown: str, places: Sequence[Place] = ()) -> None:
        """Write down a call and what it showed."""
        self.entries.append((f"{call.tool}: {call.argument}\n{shown}\n\n", list(places)))
        self.read |= dict.fromkeys(place.at for place in places)

    def forget_beyond(self, tokens: int, tokenizer: Tokenizer) -> None:
        """Drop the oldest entries until the others have at most so many tokens."""
        while self.entries and tokenizer.count(self.text) > tokens:
            del self.entries[0]

    @property
    def text(self) -> str:
        """All that is remembered."""
        return "".join(text for text, _ in self.entries)

    def shows(self, place: Place) -> bool:
        """Whether a place stands in what is remembered."""
        return any(place in places for _, places in self.entries)


@dataclass(frozen=True)
class Agent(Strategy):
    """Give the model tools over the document and let it look until it answers, or its turns are spent.

    The tools are lines of text, so any model can use them: `SEARCH`, `GREP`, `OPEN`, `COUNT`, `ASK EACH` (a call for
    each place that was found last) and `ANSWER`. Nothing that it writes is run, and a pattern is plain words with `|` and
    `.*`. The document's headings stand in the prompt with their places; what was shown already is named, not repeated.

    Source: A-RAG (arXiv 2602.03442): at most 15 turns, five passages, 400 characters around what is found; the outline
    of DeepRead (arXiv 2602.05014); `COUNT` and `ASK EACH` in place of the programs that Recursive Language Models write
    (arXiv 2512.24601). Theirs call tools through the model's own protocol and remember everything; here `memory` bounds
    what is remembered.

    Args:
        search: finds passages for `SEARCH`.
        llm: decides, reads and answers.
        turns: lines that it may write before the answer is asked for.
        hits: places that `GREP` shows; `ASK EACH` is asked of at most twice as many.
        around: characters that it shows on either side of what it found.
        opened: characters that `OPEN` shows.
        memory: tokens of what it has seen that stand in a prompt; the oldest are forgotten.
        step_tokens: of a line that it writes.
        max_tokens: of an answer that is asked for in the end, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "rag"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "agent.prefix": ("source?", "characters?", "outline?"),
        "agent.question": ("asked", "log"),
        "conclude.question": ("asked", "log"),
        "each.prefix": ("source?", "text"),
        "each.question": ("asked",),
        "shown.nothing": (),
        "shown.again": (),
        "shown.above": (),
        "shown.count": ("number",),
        "shown.more": ("number", "shown?"),
        "shown.number": ("number?",),
        "shown.unfound": (),
        "asked.text": ("question",),
        "source.other": (),
    }

    search: Searcher
    llm: LLM
    turns: int = 15
    hits: int = 5
    around: int = 400
    opened: int = 4000
    memory: int = 8000
    step_tokens: int = 128
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        log = _Log()
        for turn in range(self.turns):
            prompt = self._next(example, log, "agent")
            [said] = yield from ask(
                self.llm, prompt, max_tokens=self.step_tokens, seed=self.seed, name="decide"
            )
            call = call_in(said.text)
            if call.tool == "ANSWER" and call.argument:
                return self._answer(call.argument, log, turn + 1)
            if any(text.startswith(f"{call.tool}: {call.argument}\n") for text, _ in log.entries):
                log.add(call, self._texts.fill("shown.again"))
            elif call.tool == "SEARCH":
                [passages] = yield from search(self.search, example.document, call.argument)
                self._show(log, call, [place for one in passages for place in _places(example, one)])
            elif call.tool == "ASK EACH":
                yield from self._ask_each(example, log, call)
            else:
                self._look(example, log, call)
        length = tokens_of(example, self.max_tokens)
        prompt = self._next(example, log, "conclude")
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        return self._answer(call_in(said.text).argument, log, self.turns)

    def _look(self, example: Example, log: _Log, call: Call) -> None:
        """Grep, open or count: what needs no model and no index."""
        text = example.document.page_content

        def place(span: tuple[int, int]) -> Place:
            return Place(Evidence(example.document_id, *span), text[slice(*span)])

        if call.tool == "OPEN":
            span = place_in(call.argument, len(text), self.opened)
            if span is None:
                log.add(call, self._texts.fill("shown.number", number=len(text)))
            else:
                self._show(log, call, [place(span)])
            return
        spans = list(matches(call.argument, text))
        if call.tool == "COUNT":
            log.add(call, self._texts.fill("shown.count", number=len(spans)))
            return
        lead = (
            self._texts.fill("shown.more", number=len(spans), shown=self.hits)
            if len(spans) > self.hits
            else ""
        )
        self._show(log, call, [place(around(span, self.around, text)) for span in spans], lead)

    def _show(self, log: _Log, call: Call, places: list[Place], lead: str = "") -> None:
        log.found = places
        new = [one for one in places[: self.hits] if not log.shows(one)]
        lines = [
            f"[{one.at.start}-{one.at.end}] {one.text.strip() if one in new else self._texts.fill('shown.above')}"
            for one in places[: self.hits]
        ]
        told = [lead, *lines] if lead else lines or [self._texts.fill("shown.nothing")]
        log.add(call, "\n".join(told), new)

    def _ask_each(self, example: Example, log: _Log, call: Call) -> Generator[Any, Any, None]:
        places = log.found[: 2 * self.hits]
        prompts = [self._prompt("each", example, text=one.text, asked=call.argument) for one in places]
        said = yield from ask(
            self.llm, *prompts, max_tokens=self.step_tokens, seed=self.seed, name="ask-each"
        )
        lines = [
            f"[{one.at.start}-{one.at.end}] {told.text.strip()}"
            for one, told in zip(places, said, strict=True)
        ]
        log.add(call, "\n".join(lines) or self._texts.fill("shown.unfound"))

    def _answer(self, text: str, log: _Log, turns: int) -> Answer:
        return Answer(text, "", tuple(log.read), details={"turns": turns})

    def _next(self, example: Example, log: _Log, name: str) -> Prompt:
        log.forget_beyond(self._room(example), self.llm.tokenizer)
        return self._framed(example, name, log.text)

    def _framed(self, example: Example, name: str, log: str) -> Prompt:
        """The tools, which all questions on a document share, the question, and what was done so far."""
        text = example.document.page_content
        tools = self._prompt("agent", example, characters=len(text), outline=_outline(text)).prefix
        return Prompt(tools, self._texts.fill(f"{name}.question", asked=self._asked(example), log=log))

    def _room(self, example: Example) -> int:
        """Tokens of the log that fit beside everything else."""
        answer = max(self.step_tokens, tokens_of(example, self.max_tokens))
        return min(
            self.memory,
            self.llm.window - answer - self.llm.count(self._framed(example, "conclude", "")) - MARGIN,
        )

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: all turns with a full memory, and every turn but the first asks of all places."""
        loads: list[PromptLoad] = []
        for example in examples:
            found = self.search.bound(example.document, self.llm.tokenizer)
            if found is None:
                return None
            longest = max(self.step_tokens, tokens_of(example, self.max_tokens))
            frame = (
                max(self.llm.count(self._framed(example, name, "")) for name in ("agent", "conclude"))
                + MARGIN
            )
            loads.append(
                PromptLoad(
                    example.document_id, 0, self.turns + 1, frame + max(0, self._room(example)), longest
                )
            )
            each = (
                self.llm.count(self._prompt("each", example, text="", asked="")) + self.step_tokens + MARGIN
            )
            shown = max(
                found.largest,
                _densest(
                    example.document.page_content, max(2 * self.around, self.opened), self.llm.tokenizer
                ),
            )
            # In the first turn nothing has been found yet.
            asked = min((self.turns - 1) * 2 * self.hits, max(0, self.most_calls - self.turns))
            loads.append(PromptLoad(example.document_id, 0, asked, each + shown, self.step_tokens))
        return loads


def _places(example: Example, passage: Document) -> list[Place]:
    """A passage as a place; its score is that of one search, and the place is the same in the next."""
    found = evidence_of(example.document_id, passage)
    return [Place(replace(one, score=None), passage.page_content) for one in found[:1]]


@lru_cache(maxsize=64)
def _outline(text: str) -> str:
    return outline(text)


@lru_cache(maxsize=64)
def _densest(text: str, characters: int, tokenizer: Tokenizer) -> int:
    """The most tokens that begin within so many neighbouring characters, and one that a slice may add at either end."""
    starts = [start for start, _ in tokenizer.offsets(text)]
    most = first = 0
    for last, start in enumerate(starts):
        while starts[first] <= start - characters:
            first += 1
        most = max(most, last - first + 1)
    return most + 2
