"""Routing by a table: how far the reader's long context leads, and how long the document is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError
from rlc.data.plain import parse_json
from rlc.data.protocols import Pays, Reader, Role
from rlc.data.records import Answer, Example
from rlc.pipeline.routers.support.gain_model import STRENGTHS
from rlc.pipeline.routers.support.price import estimated_tokens
from rlc.pipeline.routers.support.shipped import read_fit
from rlc.pipeline.routers.support.split import answer_split

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHIPPED = "table-1"
FORMAT = 1
BUCKETS = ("weak", "middle", "strong", "any")
"""Readers by how far their long arm leads on answerable questions, in thirds; `any` is for a reader never measured."""
LENGTHS = ("short", "long")
_LEAD = STRENGTHS.index("lead_answerable")


@dataclass(frozen=True)
class TableModel:
    """The mean gain of long context by reader and document length, and where the lines are drawn.

    Attributes:
        gains: [buckets, lengths]; above 0, documents of that length are read whole.
        borders: Leads between weak and middle, middle and strong.
        threshold: Tokens above which a document is long.
        readers: The strengths of the readers that were measured.
        provenance: What it was fitted on.
    """

    gains: Floats
    borders: tuple[float, float]
    threshold: int = 65_536
    readers: Mapping[str, tuple[float, ...]] | None = None
    provenance: Mapping[str, Any] | None = None

    def bucket(self, strength: Sequence[float] | None) -> str:
        """Which row of the table a reader has."""
        if strength is None:
            return "any"
        return BUCKETS[int(np.searchsorted(self.borders, strength[_LEAD]))]

    def choose(self, short: Bools, strength: Sequence[float] | None) -> Bools:
        """Whether to read whole, for documents that are short or not."""
        row = self.gains[BUCKETS.index(self.bucket(strength))]
        return np.asarray(np.where(short, row[0], row[1]) > 0)

    def to_json(self) -> str:
        """The table as text, for a file."""
        data = {
            "format": FORMAT,
            "gains": {bucket: self.gains[i].round(4).tolist() for i, bucket in enumerate(BUCKETS)},
            "borders": [round(float(border), 4) for border in self.borders],
            "threshold": self.threshold,
            "readers": dict(self.readers or {}),
            "provenance": dict(self.provenance or {}),
        }
        return json.dumps(data, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TableModel":
        """Read a table's fit from the text of its file.

        Raises:
            DataError: if the text is no such file, or one of another format.
        """
        try:
            data = parse_json(text)
            if data["format"] != FORMAT:
                raise DataError(
                    f"the router's table has format {data['format']} and this version reads format {FORMAT}: fit "
                    "again with `rlc router fit`"
                )
            low, high = data["borders"]
            return cls(
                np.array([data["gains"][bucket] for bucket in BUCKETS], dtype=np.float64),
                (float(low), float(high)),
                int(data["threshold"]),
                {name: tuple(values) for name, values in data["readers"].items()},
                data["provenance"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"this is not a router's table ({error!r}); `rlc router fit` writes one"
            ) from error


@dataclass(frozen=True)
class TableRouter:
    """Look the arm up by reader and document length.

    Attributes:
        rag: The arm that retrieves.
        long: The arm that reads everything.
        fit: A shipped table's name, or a file of `rlc router fit`.
        reader: The model whose measured strength to use; an unknown one has the row `any`, and the details say so.
    """

    VERSION: ClassVar[int] = 1
    role: ClassVar[Role] = "router"
    made_for: ClassVar[str] = "English"  # its shipped fit
    pays: ClassVar[Pays] = "chosen"

    rag: Reader
    long: Reader
    fit: str = SHIPPED
    reader: str = ""

    def __post_init__(self) -> None:
        load_table(self.fit)

    def __call__(self, examples: Sequence[Example], /) -> list[Answer]:
        """Answer the examples, in order."""
        table = load_table(self.fit)
        strength = (table.readers or {}).get(self.reader)
        lengths = [estimated_tokens(len(example.document.page_content)) for example in examples]
        short = np.array([tokens <= table.threshold for tokens in lengths], dtype=bool)
        answers = answer_split(examples, table.choose(short, strength).tolist(), self.rag, self.long)
        bucket = table.bucket(strength)
        row = table.gains[BUCKETS.index(bucket)]
        return [
            replace(
                answer,
                details={
                    **answer.details,
                    "assumed_reader": bucket,
                    "document": LENGTHS[0 if is_short else 1],
                    "expected_gain": round(float(row[0 if is_short else 1]), 4),
                },
            )
            for answer, is_short in zip(answers, short, strict=True)
        ]


def fit_table(
    short: Bools, gains: Floats, seen: Bools, questions: Bools, strength: Floats, threshold: int = 65_536
) -> TableModel:
    """Average the gains of long context by reader bucket and document length; 0 where nothing was seen.

    Args:
        short: Which questions are about short documents. [q]
        gains: Long arm's outcome minus RAG arm's. [m, q]
        seen: Where both arms answered. [m, q]
        questions: Which questions to use. [q]
        strength: The readers' strengths. [m, strengths]
        threshold: Tokens between short and long.
    """
    lead = strength[:, _LEAD]
    low, high = (float(border) for border in np.quantile(lead, [1 / 3, 2 / 3]))
    row = np.searchsorted((low, high), lead)
    members = [row == i for i in range(3)] + [np.ones(len(row), dtype=bool)]
    cells = [[seen & m[:, None] & questions & (short == side) for side in (True, False)] for m in members]
    table = [[float(gains[cell].mean()) if cell.any() else 0.0 for cell in pair] for pair in cells]
    return TableModel(np.array(table), (low, high), threshold)


@cache
def load_table(name: str) -> TableModel:
    """A shipped table by its name, or one from a file.

    Raises:
        DataError: if there is none, or it cannot be read.
    """
    return TableModel.from_json(read_fit(name))
