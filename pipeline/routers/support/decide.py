"""From features to a choice, with the reasons for it: what both learned routers share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from rlc.data.errors import unknown
from rlc.data.protocols import Retrieved
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.support.fitted import text_digest
from rlc.pipeline.routers.support.gain_model import OUTCOMES, STRENGTHS, GainModel, load_model
from rlc.pipeline.routers.support.price import estimated_tokens, paid_share, worth_it

MOVED = 3  # features that a decision names
Weighs = Literal["gain", "chance"]
HELD_OUT = "held_out"  # the detail of a decision about a document of the fit, made by a fold without it


@dataclass(frozen=True)
class Choice:
    """Whether a question goes to long context, and why."""

    long: bool
    details: Mapping[str, Any]


def explained(answers: Sequence[Answer], choices: Sequence[Choice]) -> list[Answer]:
    """The answers with the reasons why they were chosen."""
    return [
        replace(answer, details={**answer.details, **choice.details})
        for answer, choice in zip(answers, choices, strict=True)
    ]


@dataclass(frozen=True)
class Decider:
    """A fit, a reader's strength (None where it was never measured), a price, and what share of it is paid.

    `held_out` are deciders for documents of the fit, by the digest of a document's text: each, a fold, has not seen it.
    `weighs` says what the price is held against: how much more often long context is right than retrieval (`gain`),
    or, where its answer is only kept if it then looks better, how often it alone is (`chance`).
    """

    model: GainModel
    strength: tuple[float, ...] | None
    assumed: str
    price: float
    share: float
    weighs: Weighs = "gain"
    held_out: "Mapping[str, Decider]" = field(default_factory=dict)
    is_fold: bool = False

    @classmethod
    def of(
        cls,
        fit: str,
        reader: str,
        strength: Mapping[str, float] | None,
        price: float = 0.0,
        budget: int | None = None,
        cached: float = 0.0,
        questions_per_document: float = 1.0,
        weighs: Weighs = "gain",
    ) -> "Decider":
        """From a router's settings.

        Raises:
            ValueError: on a setting out of its range.
            DataError: if there is no such fit.
        """
        if not price >= 0 or not 0 <= cached <= 1:
            raise ValueError(
                f"price must not be negative and cached in [0, 1], got price={price}, cached={cached}"
            )
        if not questions_per_document >= 1:
            raise ValueError(f"questions_per_document must be at least 1, got {questions_per_document}")
        if budget is not None and (budget < 0 or price):
            raise ValueError(f"give a price or a budget of at least 0, got price={price}, budget={budget}")
        own = None if strength is None else tuple(sorted(strength.items()))
        return _decider(fit, reader, own, price, budget, paid_share(questions_per_document, cached), weighs)

    def choose(
        self, examples: Sequence[Example], rows: Sequence[Mapping[str, float]], found: Sequence[Retrieved]
    ) -> list[Choice]:
        """A choice for each example, from its features and what was retrieved for it.

        A document that the fit has seen is decided by the fold that has not.
        """
        parts: dict[int, tuple[Decider, list[int]]] = {}
        for place, example in enumerate(examples):
            decider = self._for(example)
            parts.setdefault(id(decider), (decider, []))[1].append(place)
        choices: dict[int, Choice] = {}
        for decider, places in parts.values():
            part = decider._choose(
                [examples[i] for i in places], [rows[i] for i in places], [found[i] for i in places]
            )
            choices |= zip(places, part, strict=True)
        return [choices[place] for place in range(len(examples))]

    def _for(self, example: Example) -> "Decider":
        if not self.held_out:
            return self
        return self.held_out.get(text_digest(example.document.page_content), self)

    def _choose(
        self, examples: Sequence[Example], rows: Sequence[Mapping[str, float]], found: Sequence[Retrieved]
    ) -> list[Choice]:
        matrix = self.model.matrix(rows)
        chances = self.model.probabilities(matrix, self.strength)
        gains = chances[:, OUTCOMES.index("long")] - chances[:, OUTCOMES.index("rag")]
        paid = [
            self.share * _extra_tokens(example, searched)
            for example, searched in zip(examples, found, strict=True)
        ]
        worth = gains if self.weighs == "gain" else chances[:, OUTCOMES.index("long")]
        chosen = worth_it(worth, np.array(paid), self.price).tolist()
        moved = self.model.moved(matrix, self.strength)
        return [
            Choice(chosen[i], self._details(chances[i], gains[i], moved[i], paid[i]))
            for i in range(len(examples))
        ]

    def _details(self, chances: Any, gain: float, moved: Any, paid: float) -> dict[str, Any]:  # noqa: ANN401
        order = np.argsort(-np.abs(moved), kind="stable")[:MOVED]
        return {
            "p_long": round(float(chances[OUTCOMES.index("long")]), 4),
            "p_rag": round(float(chances[OUTCOMES.index("rag")]), 4),
            "expected_gain": round(float(gain), 4),
            "price": self.price if np.isfinite(self.price) else None,
            "extra_tokens": round(paid),
            "moved": [[self.model.features[i], round(float(moved[i]), 3)] for i in order],
            "assumed_reader": self.assumed,
            **({HELD_OUT: True} if self.is_fold else {}),
        }


@lru_cache(maxsize=32)
def _decider(
    fit: str,
    reader: str,
    strength: tuple[tuple[str, float], ...] | None,
    price: float,
    budget: int | None,
    share: float,
    weighs: Weighs,
) -> Decider:
    model = load_model(fit)
    asked = price if budget is None else model.price_of(budget, share)

    def decider(model: GainModel, held_out: Mapping[str, Decider], is_fold: bool) -> Decider:
        known, assumed = _strength(model, reader, strength)
        return Decider(model, known, assumed, asked, share, weighs, held_out, is_fold)

    folds = [(fold.documents, decider(fold.model, {}, is_fold=True)) for fold in model.folds]
    held_out = {document: one for documents, one in folds for document in documents}
    return decider(model, held_out, is_fold=False)


def _strength(
    model: GainModel, reader: str, given: tuple[tuple[str, float], ...] | None
) -> tuple[tuple[float, ...] | None, str]:
    """What is known of the reader, and how to say it."""
    if given is not None:
        values = dict(given)
        if set(values) != set(STRENGTHS):
            wrong = min(set(values) ^ set(STRENGTHS))
            raise ValueError(f"strength: {unknown('lead', wrong, STRENGTHS)}; give all of them")
        if not all(-1 <= value <= 1 for value in values.values()):
            raise ValueError(f"strength: leads lie between -1 and 1, got {values}")
        return tuple(values[name] for name in STRENGTHS), "as given"
    if reader in model.readers:
        return model.readers[reader], reader
    return None, f"average of the fit's {len(model.readers)} readers" + (
        f" ({reader} was never measured)" if reader else ""
    )


def _extra_tokens(example: Example, found: Retrieved) -> float:
    retrieved = sum(piece.end - piece.start for piece in found.evidence)
    return estimated_tokens(len(example.document.page_content) - retrieved)
