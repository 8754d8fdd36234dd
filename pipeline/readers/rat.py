"""RAT: a draft from memory, revised part by part with what is found for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.loads import PromptLoad
from rlc.data.protocols import LLM, Prompt, Role
from rlc.data.records import Answer, Evidence, Example
from rlc.pipeline.context import fit_passages
from rlc.pipeline.readers.support.asking import MARGIN, NothingRetrieved, evidence_of, tokens_of
from rlc.pipeline.readers.support.moves import BETWEEN, room_for
from rlc.pipeline.readers.support.searching import Searcher
from rlc.pipeline.readers.support.strategy import Strategy
from rlc.pipeline.readers.support.talk import Talk, ask, search


@dataclass(frozen=True)
class Rat(Strategy):
    """Draft an answer step by step without the document, then revise it part by part with passages found for each part.

    For every part of the draft the model writes a query from the question and all that is revised so far; each passage
    that is found is read on its own and the text revised by it. The answer is drawn from what comes of it. Evidence are
    the passages that were read. An engine that samples drafts and revises at its own temperature; the authors draft at 1.

    Source: Wang et al., RAT: Retrieval Augmented Thoughts, arXiv 2403.05313, with its code's sizes: at most 4 parts, at
    most 2 passages a part.

    Args:
        search: finds the passages.
        llm: drafts, asks, revises and answers.
        parts: the most into which the draft is cut, at blank lines.
        passages: the most that revise a part.
        draft_tokens: of the draft, and of a revision.
        query_tokens: of a query.
        max_tokens: of an answer, where the data set's wording does not say.
    """

    role: ClassVar[Role] = "rag"
    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        "draft.question": ("asked", "source?"),
        "query.question": ("asked", "draft"),
        "revise.prefix": ("source?", "text"),
        "revise.question": ("asked", "draft"),
        "answer.prefix": ("source?", "text"),
        "answer.question": ("question",),
        "asked.text": ("question",),
        "source.other": (),
    }

    search: Searcher
    llm: LLM
    parts: int = 4
    passages: int = 2
    draft_tokens: int = 512
    query_tokens: int = 64
    max_tokens: int = 64

    def __post_init__(self) -> None:
        if self.parts < 1 or self.passages < 1:
            raise ValueError(
                f"expected at least 1 part and 1 passage, got parts={self.parts}, passages={self.passages}"
            )

    def talk(self, example: Example) -> Talk[Answer]:
        draft = yield from self._say("draft", self._framed("draft", example), self.draft_tokens)
        revised, evidence = "", dict[Evidence, None]()
        for part in parts_of(draft, self.parts):
            revised = f"{revised}{BETWEEN}{part}".strip()
            wanted = yield from self._say(
                "query", self._framed("query", example, draft=revised), self.query_tokens
            )
            query = wanted.partition("\n")[0] or example.question
            [found] = yield from search(self.search, example.document, query, k=self.passages)
            for passage in found[: self.passages]:
                text = passage.page_content
                fit_passages([text], self._room(example), self.llm.tokenizer, "refuse")
                revising = self._framed("revise", example, text=text, draft=revised)
                revised = yield from self._say("revise", revising, self.draft_tokens)
                evidence |= dict.fromkeys(evidence_of(example.document_id, passage))
        if not evidence:
            raise NothingRetrieved("no passage was found for any part of the draft, or a step left none")
        last = self._last_prompt("answer", example, revised)
        text = yield from self._say("answer", last, tokens_of(example, self.max_tokens))
        return Answer(text, "", tuple(evidence))

    def reads(self, examples: Sequence[Example], /) -> list[PromptLoad] | None:
        """Bound the prompts: all parts, each with a query and all passages, beside the longest text so far."""
        loads: list[PromptLoad] = []
        so_far = 2 * self.draft_tokens + 2 * MARGIN  # what is revised, and a part that is not
        for example in examples:
            found = self.search.bound(example.document, self.llm.tokenizer)
            if found is None:
                return None
            largest = min(found.largest, max(0, self._room(example)))
            last = self._last_prompt("answer", example, "")
            for times, frame, more, new in (
                (1, self._framed("draft", example), 0, self.draft_tokens),
                (self.parts, self._framed("query", example, draft=""), so_far, self.query_tokens),
                (
                    self.parts * self.passages,
                    self._framed("revise", example, text="", draft=""),
                    so_far + largest,
                    self.draft_tokens,
                ),
                (1, last, so_far, tokens_of(example, self.max_tokens)),
            ):
                length = self.llm.count(frame) + more + MARGIN
                loads.append(PromptLoad(example.document_id, 0, times, length, new))
        return loads

    def _say(self, name: str, prompt: Prompt, tokens: int) -> Talk[str]:
        [said] = yield from ask(self.llm, prompt, max_tokens=tokens, seed=self.seed, name=name)
        return said.text.strip()

    def _framed(self, name: str, example: Example, **places: str) -> Prompt:
        return self._prompt(name, example, asked=self._asked(example), **places)

    def _room(self, example: Example) -> int:
        """Tokens of the largest passage that can stand beside the text so far."""
        frame = self._framed("revise", example, text="", draft="")
        return room_for(self.llm, frame, self.draft_tokens, beside=2 * self.draft_tokens)


def parts_of(draft: str, most: int) -> list[str]:
    r"""A draft cut at blank lines, else at line breaks, into at most so many parts; neighbours are joined to that end.

    >>> parts_of("One.\n\nTwo.\n\nThree.", 2)
    ['One.\n\nTwo.', 'Three.']
    """
    pieces = [piece.strip() for piece in draft.split(BETWEEN) if piece.strip()]
    between = BETWEEN
    if len(pieces) == 1:
        pieces, between = [line.strip() for line in draft.splitlines() if line.strip()], "\n"
    each = -(-len(pieces) // most)
    return [between.join(pieces[i : i + each]) for i in range(0, len(pieces), each)] if pieces else []
