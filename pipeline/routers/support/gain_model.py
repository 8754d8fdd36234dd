"""Which arm will win a question, as a probability: a softmax over features, and its file.

The file is JSON, is read with numpy alone, and names the format that it was written in.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError

Floats = NDArray[np.float64]

FORMAT = 1
OUTCOMES = ("rag", "tie", "long")
"""Which arm alone is right; a tie where both are or neither is."""
STRENGTHS = ("lead_answerable", "lead_unanswerable")
"""What is known of a reader: by how much its long arm's accuracy leads its RAG arm's (-1 to 1), on questions that their
document answers and on others."""
LIMIT = 4.0  # standard deviations: beyond them a feature says no more, so that a strange document is no extreme case


class CurvePoint(NamedTuple):
    """Where a price leads on the data of the fit: prompt tokens a question, and accuracy."""

    price: float
    tokens: float
    accuracy: float


@dataclass(frozen=True)
class GainModel:
    """P(rag alone is right), P(tie), P(long alone is right), for a question and a reader.

    logit(outcome) = sum over strengths s and features f of r_s * x_f * weights[s, f, outcome],

    where x is 1 and the standardised features, limited to +-4, and r is 1 and the standardised strengths of the
    reader: what a feature says may depend on how strong the reader is. A reader never measured is taken for the
    average one (r = 1, 0, 0, ...).

    Attributes:
        features: Their names.
        centre: Means of the features.
        scale: Their standard deviations.
        strength_centre: Means of `STRENGTHS` over the readers of the fit.
        strength_scale: Their standard deviations.
        weights: [1 + strengths, 1 + features, outcomes].
        readers: The strengths of the readers that were measured.
        curve: What prices lead to, rising in price.
        provenance: What it was fitted on.
        folds: The same fit without some of its documents, for questions about these.
    """

    features: tuple[str, ...]
    centre: Floats
    scale: Floats
    strength_centre: Floats
    strength_scale: Floats
    weights: Floats
    readers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    curve: tuple[CurvePoint, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    folds: "tuple[Fold, ...]" = ()

    def __post_init__(self) -> None:
        wanted = (1 + len(STRENGTHS), 1 + len(self.features), len(OUTCOMES))
        if self.weights.shape != wanted:
            raise ValueError(f"weights must have the shape {wanted}, got {self.weights.shape}")

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

    def probabilities(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        """P of each of `OUTCOMES` [questions, 3], for one reader; of unknown strength where None is given."""
        weights = np.tensordot(self._reader(strength), self.weights, axes=1)
        return softmax(np.asarray(self._standardised(matrix) @ weights, dtype=np.float64))

    def moved(self, matrix: Floats, strength: Sequence[float] | None = None) -> Floats:
        """What each feature adds to ln(P(long alone) / P(rag alone)) beyond its mean; [questions, features]."""
        weights = np.tensordot(self._reader(strength), self.weights, axes=1)
        towards_long = weights[:, OUTCOMES.index("long")] - weights[:, OUTCOMES.index("rag")]
        return np.asarray(self._standardised(matrix)[:, 1:] * towards_long[1:], dtype=np.float64)

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

    def _standardised(self, matrix: Floats) -> Floats:
        return standardised(matrix, self.centre, self.scale, LIMIT)

    def _reader(self, strength: Sequence[float] | None) -> Floats:
        known = self.strength_centre if strength is None else np.asarray(strength, dtype=np.float64)
        [row] = standardised(known[None], self.strength_centre, self.strength_scale, LIMIT)
        return np.asarray(row, dtype=np.float64)

    def to_json(self) -> str:
        """The model as text, for a file."""
        return json.dumps(self._plain()) + "\n"

    def _plain(self) -> dict[str, Any]:
        fields = {name: value for name, value in vars(self).items() if name != "folds"}
        return {
            "format": FORMAT,
            "strengths": STRENGTHS,
            "outcomes": OUTCOMES,
            **{
                name: rounded(value) if isinstance(value, np.ndarray) else value
                for name, value in fields.items()
            },
            "folds": [
                {"documents": sorted(fold.documents), "model": fold.model._plain()} for fold in self.folds
            ],
        }

    @classmethod
    def from_json(cls, text: str) -> "GainModel":
        """Read a model.

        Raises:
            DataError: if the text is no such file, or one of another format.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise DataError("this is not a router's fit; `rlc router fit` writes one") from error
        return cls._from_plain(data)

    @classmethod
    def _from_plain(cls, plain: Mapping[str, Any]) -> "GainModel":
        try:
            data = dict(plain)
            found = data.pop("format")
        except (ValueError, TypeError, KeyError) as error:
            raise DataError("this is not a router's fit; `rlc router fit` writes one") from error
        if found != FORMAT:
            raise DataError(
                f"the router's fit has format {found} and this version reads format {FORMAT}: fit again with "
                "`rlc router fit`, or install the version of rlc that wrote it"
            )
        try:
            if (tuple(data.pop("strengths")), tuple(data.pop("outcomes"))) != (STRENGTHS, OUTCOMES):
                raise DataError(
                    "the router's fit has other strengths or outcomes than this version: fit again"
                )
            arrays = {
                name: np.array(data.pop(name), dtype=np.float64)
                for name in ("centre", "scale", "strength_centre", "strength_scale", "weights")
            }
            return cls(
                features=tuple(data["features"]),
                readers={name: tuple(values) for name, values in data["readers"].items()},
                curve=tuple(CurvePoint(*point) for point in data["curve"]),
                provenance=data["provenance"],
                folds=tuple(
                    Fold(frozenset(fold["documents"]), cls._from_plain(fold["model"]))
                    for fold in data.get("folds", ())
                ),
                **arrays,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"the router's fit is damaged ({error!r}): fit again with `rlc router fit`"
            ) from error


@dataclass(frozen=True)
class Fold:
    """A fit that has not seen some documents, told by the digests of their texts: it decides their questions."""

    documents: frozenset[str]
    model: GainModel


@cache
def load_model(name: str) -> GainModel:
    """A shipped fit by its name, or one from a file.

    Raises:
        DataError: if there is none, or it cannot be read.
    """
    shipped = resources.files("rlc.pipeline.routers").joinpath(f"{name}.json")
    source = shipped if shipped.is_file() else Path(name)
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"no router's fit {name!r}: {error}; name a shipped one or a file of `rlc router fit`"
        ) from error
    return GainModel.from_json(text)


def standardised(matrix: Floats, centre: Floats, scale: Floats, limit: float) -> Floats:
    """(x - centre) / scale, limited to +-limit, with a column of ones in front."""
    values = np.clip((matrix - centre) / scale, -limit, limit)
    return np.hstack([np.ones((len(values), 1)), values])


def softmax(logits: Floats) -> Floats:
    """exp(z) / sum exp(z) over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float64)


def rounded(values: Floats) -> Any:  # noqa: ANN401 - nested lists of numbers
    """To five significant digits, as nested lists: less noise in the file, and no change in any decision."""
    if values.ndim:
        return [rounded(value) for value in values]
    return float(f"{float(values):.5g}")
