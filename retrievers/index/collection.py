"""The documents behind an index: their order, their ids, and filters on their metadata."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray

from rlc.data.errors import DataError
from rlc.retrievers.base import Where, id_of, scored
from rlc.retrievers.index.where import MISSING, bounds, check, comparable, fulfils

Rows = NDArray[np.int64]


class Collection:
    """Documents by row, with their metadata as columns.

    Attributes:
        ties: int64 [documents], each row's place when the documents are sorted by id: what breaks ties of score.
    """

    def __init__(self, documents: Sequence[Document], ties: Rows) -> None:
        self.documents = documents
        self.ties = ties
        self._rows: dict[str, dict[Any, Rows]] = {}

    @classmethod
    def of(cls, documents: Sequence[Document]) -> "Collection":
        """Number documents and settle how ties between them break.

        Raises:
            DataError: if there is none.
        """
        if not documents:
            raise DataError("nothing to index: expected at least one document, got none; is the text empty?")
        order = sorted(range(len(documents)), key=lambda i: (id_of(documents[i]), i))
        ties = np.empty(len(documents), dtype=np.int64)
        ties[order] = np.arange(len(documents))
        return cls(tuple(documents), ties)

    def __len__(self) -> int:
        return len(self.documents)

    def rows(self, where: Where) -> Rows:
        """The rows that the filter keeps, ascending; `rlc.retrievers.index.where` says what a filter may ask.

        Raises:
            DataError: if no document has a field of the filter, or a value that its bounds can be held against: a
                misspelt name would find nothing, silently.
            ValueError: if it is no filter.
        """
        check(where)
        return self._rows_of(where)

    def _rows_of(self, where: Where) -> Rows:
        kept = [self._matching(name, condition) for name, condition in where.items()]
        return reduce(partial(np.intersect1d, assume_unique=True), kept, np.arange(len(self)))

    def _matching(self, name: str, condition: Any) -> Rows:  # noqa: ANN401 - a value of any type
        """The rows that a part of the filter keeps, ascending."""
        if name == "$and":
            return reduce(partial(np.intersect1d, assume_unique=True), map(self._rows_of, condition))
        if name == "$or":
            return reduce(np.union1d, map(self._rows_of, condition))
        if name == "$not":
            return np.setdiff1d(np.arange(len(self)), self._rows_of(condition), assume_unique=True)
        column = self._column(name)
        if isinstance(condition, Hashable):
            return column.get(condition, np.array([], dtype=np.int64))
        for bound in bounds(condition):
            if not any(comparable(value, bound) for value in column):
                raise DataError(
                    f"the filter holds {name!r} against {bound!r}, and every document has there something else, such "
                    f"as {next(iter(column))!r}: give a bound of that type"
                )
        hits = [rows for value, rows in column.items() if fulfils(value, condition)]
        if fulfils(MISSING, condition):
            hits.append(np.setdiff1d(np.arange(len(self)), np.concatenate(list(column.values()))))
        return np.sort(np.concatenate(hits)) if hits else np.array([], dtype=np.int64)

    def take(self, rows: Rows, scores: NDArray[np.floating[Any]]) -> list[Document]:
        """Copies of the documents of these rows, best first, with score and rank."""
        return [
            scored(self.documents[row], score, rank)
            for rank, (row, score) in enumerate(zip(rows.tolist(), scores.tolist(), strict=True), start=1)
        ]

    def _column(self, field: str) -> dict[Any, Rows]:
        """Index a metadata field: its values to their rows. Kept, since questions about one document come with the same filter."""
        if field not in self._rows:
            rows: defaultdict[Any, list[int]] = defaultdict(list)
            for row, document in enumerate(self.documents):
                # A list is equal to no value that a filter may ask for.
                if isinstance(document.metadata.get(field), Hashable) and field in document.metadata:
                    rows[document.metadata[field]].append(row)
            if not rows:
                raise DataError(
                    f"no document has a plain value in the metadata field {field!r}: the filter would find nothing"
                )
            self._rows[field] = {value: np.array(kept, dtype=np.int64) for value, kept in rows.items()}
        return self._rows[field]
