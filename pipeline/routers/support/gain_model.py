"""Which arm will win a question, as a probability: what every fit of the laboratory says, and its file.

The file is JSON, is read with numpy alone, and names the format that it was written in and the kind of its model.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError
from rlc.data.lazy import load
from rlc.data.plain import parse_json
from rlc.pipeline.routers.support.shipped import read_fit

Floats = NDArray[np.float64]

FORMAT = 1
OUTCOMES = ("rag", "tie", "long")
"""Which arm alone is right; a tie where both are or neither is."""
STRENGTHS = ("lead_answerable", "lead_unanswerable")
"""What is known of a reader: by how much its long arm's accuracy leads its RAG arm's (-1 to 1), on questions that their
document answers and on others."""
KINDS = {
    "softmax": "rlc.pipeline.routers.support.softmax_model:SoftmaxModel",
    "trees": "rlc.pipeline.routers.support.tree_model:TreeModel",
}


class CurvePoint(NamedTuple):
    """Where a price leads on the data of the fit: prompt tokens a question, and accuracy."""

    price: float
    tokens: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class GainModel(ABC):
    """P(rag alone is right), P(tie), P(long alone is right), for a question and a reader.

    Attributes:
        features: Their names.
        strength_centre: Means of `STRENGTHS` over the readers of the fit.
        readers: The strengths of the readers that were measured.
        curve: What prices lead to, rising in price.
        provenance: What it was fitted on.
        folds: The same fit without some of its documents, for questions about these.
    """

    kind: ClassVar[str]

    features: tuple[str, ...]
    strength_centre: Floats
    readers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    curve: tuple[CurvePoint, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    folds: "tuple[Fold, ...]" = ()

    @abstractmethod
    def probabilities(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        """P of each of `OUTCOMES` [questions, 3], for one reader; of unknown strength where None is given."""

    @abstractmethod
    def moved(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        """What each feature adds to ln(P(long alone) / P(rag alone)); [questions, features]."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """What the kind of model holds beside the fields of all, as plain data."""

    @classmethod
    @abstractmethod
    def settings_of(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Read a model's fields back from plain data.

        Raises:
            KeyError, TypeError, ValueError, DataError: if they are not there, or of another form.
        """

    def matrix(self, rows: Sequence[Mapping[str, float]]) -> Floats:
        """The features of questions as an array [questions, features].

        Raises:
            DataError: naming the features that are missing.
        """
        missing = sorted({name for row in rows for name in self.features if name not in row})
        if missing:
            raise DataError(
                f"the router's fit needs the features {', '.join(missing)}, which were not computed; it was made for "
                "another kind of router or by another version: fit again with `rlc router fit`"
            )
        return np.array([[row[name] for name in self.features] for row in rows]).reshape(
            -1, len(self.features)
        )

    def price_of(self, budget: float, share: float = 1.0) -> float:
        """The price that spends about `budget` prompt tokens a question, read off the curve, between its points.

        The curve counts every token in full. Where a question pays only a `share` of what long context reads, the
        same budget reaches as far as retrieval + (budget - retrieval) / share would in full, and the price found there
        is for the tokens that are paid. A budget above the curve costs nothing (0), one below it buys no long context
        at all (infinity).

        Raises:
            DataError: if the fit has no curve.
        """
        if not self.curve:
            raise DataError("the router's fit holds no curve, so a budget cannot be kept; set a price")
        retrieval = self.curve[-1].tokens  # where nothing is read whole
        reach = retrieval + (budget - retrieval) / share
        if reach >= self.curve[0].tokens:
            return 0.0
        for cheap, dear in pairwise(self.curve):
            if dear.tokens <= reach < cheap.tokens:
                way = (cheap.tokens - reach) / (cheap.tokens - dear.tokens)
                return (cheap.price + way * (dear.price - cheap.price)) / share
        return float("inf")

    def to_json(self) -> str:
        """The model as text, for a file."""
        return json.dumps(self._plain(), separators=(",", ":")) + "\n"

    def _plain(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": self.kind,
            "strengths": STRENGTHS,
            "outcomes": OUTCOMES,
            "features": self.features,
            "readers": dict(self.readers),
            "curve": self.curve,
            **self.to_data(),
            "provenance": dict(self.provenance),
            "folds": [
                {"documents": sorted(fold.documents), "model": fold.model._plain()} for fold in self.folds
            ],
        }


@dataclass(frozen=True)
class Fold:
    """A fit that has not seen some documents, told by the digests of their texts: it decides their questions."""

    documents: frozenset[str]
    model: GainModel


def model_of(text: str) -> GainModel:
    """The model that a file holds, of whatever kind.

    Raises:
        DataError: if the text is no such file, or one of another format.
    """
    try:
        return _model_of(parse_json(text))
    except ValueError as error:
        raise DataError("this is not a router's fit; `rlc router fit` writes one") from error


def _model_of(plain: Any) -> GainModel:  # noqa: ANN401 - whatever stands in the file
    if not isinstance(plain, Mapping) or "format" not in plain:
        raise DataError("this is not a router's fit; `rlc router fit` writes one")
    if plain["format"] != FORMAT:
        raise DataError(
            f"the router's fit has format {plain['format']} and this version reads format {FORMAT}: fit again with "
            "`rlc router fit`, or install the version of rlc that wrote it"
        )
    kind = plain.get("kind", "softmax")  # the first fits were all of one kind and did not name it
    if kind not in KINDS:
        raise DataError(
            f"the router's fit is of the kind {kind!r} and this version reads {', '.join(KINDS)}: fit again"
        )
    try:
        if (tuple(plain["strengths"]), tuple(plain["outcomes"])) != (STRENGTHS, OUTCOMES):
            raise DataError("the router's fit has other strengths or outcomes than this version: fit again")
        of_kind = load(KINDS[kind])
        model: GainModel = of_kind(
            features=tuple(plain["features"]),
            readers={name: tuple(values) for name, values in plain["readers"].items()},
            curve=tuple(CurvePoint(*point) for point in plain["curve"]),
            provenance=plain["provenance"],
            folds=tuple(
                Fold(frozenset(fold["documents"]), _model_of(fold["model"]))
                for fold in plain.get("folds", ())
            ),
            **of_kind.settings_of(plain),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"the router's fit is damaged ({error!r}): fit again with `rlc router fit`"
        ) from error
    return model


@cache
def load_model(name: str) -> GainModel:
    """A shipped fit by its name, or one from a file.

    Raises:
        DataError: if there is none, or it cannot be read.
    """
    return model_of(read_fit(name))


def rounded(values: Floats) -> Any:  # noqa: ANN401 - nested lists of numbers
    """To five significant digits, as nested lists: less noise in the file, and no change in any decision."""
    if values.ndim:
        return [rounded(value) for value in values]
    return float(f"{float(values):.5g}")
