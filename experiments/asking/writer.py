"""Questions by a model: it reads passages and writes a question, an answer, and the quotes that hold it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlc.data.prompt_files import ENGLISH, PromptFile, read_prompts
from rlc.data.protocols import LLM, Prompt
from rlc.experiments.asking import KINDS
from rlc.experiments.asking.made import MadeQuestion, Passage, drop
from rlc.pipeline.readers.support.quotes import places_of

TOKENS = 256  # of a question with its answer and quotes
BETWEEN = "\n\n* * *\n\n"
_LINE = re.compile(r"^\W*(QUESTION|ANSWER|QUOTE)\W*:\W*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_MARKS = "\"'`*“”„«»‘’ \t"


@dataclass(frozen=True)
class QuestionWriter:
    """Ask a model for questions, one a draw. What it writes is kept only where its quotes stand in the passages.

    Args:
        llm: writes.
        prompt: a language, or a file with prompts of one's own.
        seed: of an engine that samples.
    """

    PROMPTS: ClassVar[Mapping[str, Sequence[str]]] = {
        **{f"{kind}.prefix": ("kind", "text") for kind in KINDS},
        **{f"{kind}.question": () for kind in KINDS},
    }

    llm: LLM
    prompt: PromptFile = ENGLISH
    seed: int = 0

    def prompts(self, drawn: Sequence[tuple[str, Sequence[Passage]]]) -> list[Prompt]:
        """What is asked for each draw."""
        texts = read_prompts(QuestionWriter, self.prompt)
        return [
            texts.prompt(
                kind,
                kind=passages[0].document.metadata.get("kind", "document"),
                text=BETWEEN.join(one.text.strip() for one in passages),
            )
            for kind, passages in drawn
        ]

    def write(self, drawn: Sequence[tuple[str, tuple[Passage, ...]]]) -> list[MadeQuestion]:
        """A question for each draw, marked as dropped where the model did not write one that holds."""
        said = self.llm.generate(self.prompts(drawn), max_tokens=TOKENS, seed=self.seed)
        return [
            drop(MadeQuestion(kind, "", "", (), passages, self.llm.name), f"the engine failed: {one.error}")
            if one.error is not None
            else read_question(one.text, kind, passages, self.llm.name)
            for (kind, passages), one in zip(drawn, said, strict=True)
        ]


def read_question(said: str, kind: str, passages: tuple[Passage, ...], by: str) -> MadeQuestion:
    """Read a reply: lines QUESTION, ANSWER and QUOTE, the quotes as they stand in the document."""
    lines: dict[str, list[str]] = {}
    for name, text in _LINE.findall(said):
        lines.setdefault(name.upper(), []).append(text.strip(_MARKS))
    question = next(iter(lines.get("QUESTION", [])), "")
    answer = next(iter(lines.get("ANSWER", [])), "") if kind != "unanswerable" else ""
    found = [places_of(lines.get("QUOTE", []), one.text) for one in passages]
    quotes = tuple(
        one.text[start:end] for one, places in zip(passages, found, strict=True) for start, end in places
    )
    made = MadeQuestion(kind, question, answer, quotes, passages, by)
    if not question:
        return drop(made, "no question was written")
    if kind == "unanswerable":
        return made
    if not answer:
        return drop(made, "no answer was written")
    if not all(found):
        return drop(made, "a quote does not stand in the text word for word")
    return made
