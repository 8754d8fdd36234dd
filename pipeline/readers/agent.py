"""An agent: the model searches, greps, opens and counts until it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Evidence, Example
from rlc.pipeline.readers.support.asking import MARGIN, tokens_of
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search
from rlc.pipeline.readers.support.tool_log import Place, ToolLog, places_of, tokens_within
from rlc.pipeline.readers.support.tools import FORMS, Call, around, call_in, matches, outline_of, place_in


@dataclass(frozen=True)
class Agent(Strategy):
    """Give the model tools over the document and let it look until it answers, or its turns are spent.

    The tools are lines of text, so any model can use them: `SEARCH`, `GREP`, `OPEN`, `COUNT`, `ASK EACH` (a call for
    each place that was found last) and `ANSWER`; or calls of an engine that follows a schema (`calls`). Nothing that it
    writes is run, and a pattern is plain words with `|` and `.*`. The document's headings stand in the prompt with their places; what was shown already is named, not repeated.

    Source: A-RAG (arXiv 2602.03442): at most 15 turns, five passages, 400 characters around what is found; the outline
    of DeepRead (arXiv 2602.05014); `COUNT` and `ASK EACH` in place of the programs that Recursive Language Models write
    (arXiv 2512.24601). Theirs call tools through the model's own protocol and remember everything; here `memory` bounds
    what is remembered.

    Args:
        search: finds passages for `SEARCH`.
        llm: decides, reads and answers.
        calls: how a tool is called: `lines` of text, or by `schema`, the tool and what it is given in JSON, which the
            engine holds the model to. An `endpoint` with `structured = "tool"` and most chat models of `langchain` make
            that a call of their own protocol for tools.
        turns: calls that it may make before the answer is asked for.
        hits: places that `GREP` shows; `ASK EACH` is asked of at most twice as many.
        around: characters that it shows on either side of what it found.
        opened: characters that `OPEN` shows.
        memory: tokens of what it has seen that stand in a prompt; the oldest are forgotten.
        step_tokens: of a call that it writes.
        max_tokens: of an answer that is asked for in the end, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "rag"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "agent.prefix": ("source?", "characters?", "outline?", "form?"),
        "agent.question": ("asked", "log"),
        "conclude.question": ("asked", "log"),
        "each.prefix": ("source?", "text"),
        "each.question": ("asked",),
        "form.lines": (),
        "form.schema": (),
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
    calls: Literal["lines", "schema"] = "lines"
    turns: int = 15
    hits: int = 5
    around: int = 400
    opened: int = 4000
    memory: int = 8000
    step_tokens: int = 128
    max_tokens: int = 64

    def talk(self, example: Example) -> Talk[Answer]:
        log = ToolLog()
        for turn in range(self.turns):
            call = yield from self._decide(example, log)
            if call.tool == "ANSWER" and call.argument:
                return self._answer(call.argument, log, turn + 1)
            if log.holds(call):
                log.add(call, self._texts.fill("shown.again"))
            elif call.tool == "SEARCH":
                [passages] = yield from search(self.search, example.document, call.argument)
                self._show(log, call, [place for one in passages for place in places_of(example, one)])
            elif call.tool == "ASK EACH":
                yield from self._ask_each(example, log, call)
            elif call.tool == "COUNT":
                times = sum(1 for _ in matches(call.argument, example.document.page_content))
                log.add(call, self._texts.fill("shown.count", number=times))
            else:
                self._look(example, log, call)
        length = tokens_of(example, self.max_tokens)
        prompt = self._next(example, log, "conclude")
        [said] = yield from ask(self.llm, prompt, max_tokens=length, seed=self.seed, name="answer")
        return self._answer(call_in(said.text).argument, log, self.turns)

    def _decide(self, example: Example, log: ToolLog) -> Talk[Call]:
        schema, read_call = FORMS[self.calls]
        prompt, tokens = self._next(example, log, "agent"), self.step_tokens
        [said] = yield from ask(
            self.llm, prompt, max_tokens=tokens, schema=schema, seed=self.seed, name="decide"
        )
        return read_call(said.text)

    def _look(self, example: Example, log: ToolLog, call: Call) -> None:
        """Show what `OPEN` or `GREP` looks at."""
        text = example.document.page_content
        lead = ""
        if call.tool == "OPEN":
            opened = place_in(call.argument, len(text), self.opened)
            if opened is None:
                log.add(call, self._texts.fill("shown.number", number=len(text)))
                return
            spans = [opened]
        else:
            spans = [around(span, self.around, text) for span in matches(call.argument, text)]
            if len(spans) > self.hits:
                lead = self._texts.fill("shown.more", number=len(spans), shown=self.hits)
        places = [Place(Evidence(example.document_id, *span), text[slice(*span)]) for span in spans]
        self._show(log, call, places, lead)

    def _show(self, log: ToolLog, call: Call, places: list[Place], lead: str = "") -> None:
        log.found = places
        new = [one for one in places[: self.hits] if not log.shows(one)]
        above = self._texts.fill("shown.above")
        lines = [one.shown(one.text if one in new else above) for one in places[: self.hits]]
        told = [lead, *lines] if lead else lines or [self._texts.fill("shown.nothing")]
        log.add(call, "\n".join(told), new)

    def _ask_each(self, example: Example, log: ToolLog, call: Call) -> Talk[None]:
        places = log.found[: 2 * self.hits]
        prompts = [self._prompt("each", example, text=one.text, asked=call.argument) for one in places]
        said = yield from ask(
            self.llm, *prompts, max_tokens=self.step_tokens, seed=self.seed, name="ask-each"
        )
        lines = [one.shown(told.text) for one, told in zip(places, said, strict=True)]
        log.add(call, "\n".join(lines) or self._texts.fill("shown.unfound"))

    def _answer(self, text: str, log: ToolLog, turns: int) -> Answer:
        return Answer(text, "", tuple(log.read), details={"turns": turns})

    def _next(self, example: Example, log: ToolLog, name: str) -> Prompt:
        log.forget_beyond(self._room(example), self.llm.tokenizer)
        return self._framed(example, name, log.text)

    def _framed(self, example: Example, name: str, log: str) -> Prompt:
        """The tools, which all questions on a document share, the question, and what was done so far."""
        text = example.document.page_content
        form = self._texts.fill(f"form.{self.calls}")
        tools = self._prompt("agent", example, characters=len(text), outline=outline_of(text), form=form)
        return Prompt(tools.prefix, self._texts.fill(f"{name}.question", asked=self._asked(example), log=log))

    def _longest(self, example: Example) -> int:
        return max(self.step_tokens, tokens_of(example, self.max_tokens))

    def _room(self, example: Example) -> int:
        """Tokens of the log that fit beside everything else."""
        frame = self.llm.count(self._framed(example, "conclude", ""))
        return min(self.memory, self.llm.window - self._longest(example) - frame - MARGIN)

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: all turns with a full memory, and every turn but the first asks of all places."""
        loads: list[PromptLoad] = []
        for example in examples:
            found = self.search.bound(example.document, self.llm.tokenizer)
            if found is None:
                return None
            document = example.document_id
            frames = [self._framed(example, name, "") for name in ("agent", "conclude")]
            turn = max(map(self.llm.count, frames)) + MARGIN + max(0, self._room(example))
            loads.append(PromptLoad(document, 0, self.turns + 1, turn, self._longest(example)))
            each = self.llm.count(self._prompt("each", example, text="", asked=""))
            characters = max(2 * self.around, self.opened)
            shown = tokens_within(characters, example.document.page_content, self.llm.tokenizer)
            place = each + self.step_tokens + MARGIN + max(found.largest, shown)
            # In the first turn nothing has been found yet.
            asked = min((self.turns - 1) * 2 * self.hits, max(0, self.most_calls - self.turns))
            loads.append(PromptLoad(document, 0, asked, place, self.step_tokens))
        return loads
