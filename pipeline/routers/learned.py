"""Routing by what a question, its document and the retrieved passages say, as learned from recorded answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlc.data.protocols import Pays, Reader, Role, retrieve
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.support.decide import Decider, explained
from rlc.pipeline.routers.support.known import known_before
from rlc.pipeline.routers.support.split import answer_split

SHIPPED = "lara-1"


@dataclass(frozen=True)
class LearnedRouter:
    """Read whole where long context is expected to gain more than it costs, and retrieve elsewhere.

    It decides before anything is read, by what the RAG arm retrieved. Every answer's details hold the calibrated
    probabilities that long context alone (`p_long`) or retrieval alone (`p_rag`) is right, the expected gain, the
    price, the three features that moved the odds most (`moved`, in log-odds, positive towards long context), and
    whose strength was assumed.

    Attributes:
        rag: The arm that retrieves; it must show what it retrieves.
        long: The arm that reads everything.
        fit: A shipped fit's name, or a file of `rlc router fit`.
        reader: The model whose measured strength to use; one that the fit does not know is taken for the average
            reader, and the details say so.
        strength: How far your own reader's long arm leads its RAG arm, by the names of `STRENGTHS`, in place of `reader`.
        price: The gain in accuracy demanded per 1,000 extra tokens, as far as the question pays for them.
        budget: Prompt tokens a question, in place of `price`; met on documents like those of the fit.
        cached: What a token costs that the engine has read before, as a share of a new one's cost.
        questions_per_document: Over how many questions reading a document is spread (`rlc.pipeline.routers.support.price`).
            1 charges every question in full. It is a setting and not counted from the questions that come together:
            these are fewer where answers are in the store already, and a decision must not depend on that.
            `rlc compare --price` and `--budget` set it to the mean of the questions that they ask.
    """

    VERSION: ClassVar[int] = 2
    role: ClassVar[Role] = "router"
    made_for: ClassVar[str] = "English"  # its shipped fit
    pays: ClassVar[Pays] = "chosen"

    rag: Reader
    long: Reader
    fit: str = SHIPPED
    reader: str = ""
    strength: Mapping[str, float] | None = None
    price: float = 0.0
    budget: int | None = None
    cached: float = 0.1
    questions_per_document: float = 1.0

    def __post_init__(self) -> None:
        self._decider  # noqa: B018 - bad settings are refused here, not at the first question

    @property
    def _decider(self) -> Decider:
        return Decider.of(
            self.fit,
            self.reader,
            self.strength,
            self.price,
            self.budget,
            self.cached,
            self.questions_per_document,
        )

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        found = retrieve(self.rag, examples)
        choices = self._decider.choose(examples, known_before(examples, found), found)
        answers = answer_split(examples, [choice.long for choice in choices], self.rag, self.long)
        charged = [
            replace(answer, usage=searched.usage.then(answer.usage)) if choice.long else answer
            for answer, choice, searched in zip(answers, choices, found, strict=True)
        ]
        return explained(charged, choices)
