"""Reading everything: the whole document in the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlc.data.errors import ContextOverflowError
from rlc.data.protocols import LLM
from rlc.data.records import Answer, Example, Usage
from rlc.pipeline.context import Fitted, check_policy, fit
from rlc.pipeline.prompts import long_prompt
from rlc.pipeline.readers.asking import Request, ask_all, room_for_text


@dataclass(frozen=True)
class LongReader:
    """Give the language model the whole document, then the question.

    Questions are asked document by document, and the document's part of the prompt has the same bytes for all of
    them, so that an engine that keeps a prefix reads each document once. `overflow` says what happens to a
    document that does not fit the window: `refuse`, `middle` or `head`; every answer says how much was cut.
    """

    llm: LLM
    max_tokens: int = 64
    overflow: str = "middle"
    seed: int = 0

    def __post_init__(self) -> None:
        check_policy(self.overflow)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        order = sorted(range(len(examples)), key=lambda i: examples[i].document_id)  # stable: neighbours stay
        fitted: dict[tuple[str, int], Fitted] = {}
        requests = [self._request(examples[i], fitted) for i in order]
        answers = ask_all(self.llm, requests, self.max_tokens, self.seed)
        by_place = dict(zip(order, answers, strict=True))
        return [by_place[i] for i in range(len(examples))]

    def _request(self, example: Example, known: dict[tuple[str, int], Fitted]) -> Request:
        """The prompt; `known` holds documents already fitted, since all ordinary questions leave the same room."""
        kind = str(example.document.metadata.get("kind", ""))
        room = room_for_text(self.llm, long_prompt(kind, "", example.question), self.max_tokens)
        key = (example.document_id, room)
        try:
            if key not in known:
                known[key] = fit(example.document.page_content, room, self.llm.tokenizer, self.overflow)
        except ContextOverflowError as error:
            return Request(None, error=f"ContextOverflowError: {error}")
        return Request(
            long_prompt(kind, known[key].text, example.question),
            usage=Usage(cut_tokens=known[key].cut_tokens),
        )
