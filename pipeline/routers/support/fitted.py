"""What a router was fitted on, so that it can be told whether it has seen a question, a document or a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rlc.data.records import Example
from rlc.data.spec import fingerprint

DIGITS = 10  # of a digest: among a million questions two are alike with a chance of one in two


def question_digest(document_id: str, question: str) -> str:
    """Identify a question about a document, whatever its id is in a data set."""
    return fingerprint([document_id, question])[:DIGITS]


@lru_cache(maxsize=8)  # questions come document by document
def text_digest(text: str) -> str:
    """Identify a document by what it says, whatever it is called."""
    return fingerprint(text)[:DIGITS]


@dataclass(frozen=True)
class FittedOn:
    """The questions, documents and models of a fit; digests, so that the file tells nobody's questions."""

    data: str
    questions: frozenset[str]
    models: tuple[str, ...]

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> "FittedOn":
        """Read it from a fit's provenance; a fit that does not say has seen nothing that is known of."""
        return cls(
            str(provenance.get("data", "")),
            frozenset(provenance.get("seen_questions", ())),
            tuple(provenance.get("models", ())),
        )

    def seen(self, questions: Iterable[tuple[str, str]]) -> int:
        """How many of these questions, given with their document's id, are among those of the fit."""
        return sum(question_digest(document, text) in self.questions for document, text in questions)


def seen_questions(examples: Sequence[Example]) -> list[str]:
    """The record of the questions for a fit's provenance."""
    return sorted({question_digest(one.document_id, one.question) for one in examples})
