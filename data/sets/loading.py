"""What loaders of data sets share: one document for equal texts, files by name, passages by their marks."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.data.formats.files import JsonRow, digest, numbered, read_rows, read_text, short_digest
from rlc.data.plain import parse_json
from rlc.data.records import Dataset, Evidence, Example
from rlc.data.sets.card import Card
from rlc.data.sets.fetch import files_of

Spans = Sequence[tuple[int, int]]
Made = TypeVar("Made")


class Documents:
    """One object for every text, so that a text that is asked about a hundred times is indexed once.

    Args:
        prefix: What ids begin with; a digest of the text follows.
        kind: What a prompt may call the texts.
    """

    def __init__(self, prefix: str, kind: str = "document") -> None:
        self._prefix, self._kind = prefix, kind
        self._known: dict[str, Document] = {}

    def __call__(self, text: str, title: str = "", passages: Spans = (), **metadata: Any) -> Document:  # noqa: ANN401
        """The document of a text; what is said of it counts at its first use."""
        if text not in self._known:
            name = f"{self._prefix}:{short_digest(text)}"
            told = {"kind": self._kind, "title": title or name, **metadata}
            told |= {"passages": tuple(passages)} if passages else {}
            self._known[text] = Document(id=name, page_content=text, metadata=told)
        return self._known[text]


def find(folder: Path, *names: str) -> Path:
    """The first of these files that lies anywhere below a folder.

    Raises:
        DataError: if none does, with what does.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else [folder]
    for name in names:
        for path in files:
            if path.name == name or path.as_posix().endswith(f"/{name}"):
                return path
    there = ", ".join(path.name for path in files[:8]) or "nothing"
    raise DataError(f"{folder}: expected {' or '.join(names)}; it holds {there}")


def marked(text: str, mark: str) -> Spans:
    """The passages of a text that begin with a mark (a pattern) at the beginning of a line; none where fewer than two do."""
    starts = [match.start() for match in re.finditer(rf"^(?:{mark})", text, re.MULTILINE)]
    ends = [*starts[1:], len(text)] if len(starts) > 1 else []
    return [(start, len(text[:end].rstrip())) for start, end in zip(starts, ends, strict=False)]


def joined(pieces: Sequence[str], between: str = "\n\n") -> tuple[str, Spans]:
    """Pieces as one text, and the span of each."""
    spans, length = [], 0
    for piece in pieces:
        spans.append((length, length + len(piece)))
        length += len(piece) + len(between)
    return between.join(pieces), spans


def texts(value: object) -> tuple[str, ...]:
    """Answers as text: from a text, a number, or a list of them; blank ones and None left out.

    >>> texts(2022), texts(["a", None, 3]), texts("")
    (('2022',), ('a', '3'), ())
    """
    many = value if isinstance(value, list | tuple) else [value]
    return tuple(str(one) for one in many if one is not None and str(one).strip())


def dataset(
    card: Card,
    examples: Sequence[Example],
    files: Sequence[Path],
    folder: Path,
    variant: str,
    measures: dict[str, str],
) -> Dataset:
    """The data set of some examples; ids that stand twice are numbered, the revision is a digest of the files.

    Raises:
        DataError: if there is no example.
    """
    if not examples:
        raise DataError(f"{', '.join(map(str, files))}: holds no question of {card.title}")
    documents = {example.document_id: example.document for example in examples}
    root = folder if folder.is_dir() else folder.parent
    return Dataset(card.name, numbered(examples), documents, digest(root, files), variant, folder, measures)


def read_table(path: Path, make: Callable[[JsonRow], Made]) -> list[Made]:
    """Make something of every row of a file: JSON Lines (packed too), a JSON list (also under `data`), CSV, TSV or parquet.

    Raises:
        DataError: for the first broken row, with its number, or a file that cannot be read.
    """
    if path.suffix == ".parquet":
        rows = _parquet(path)
    elif path.suffix in (".csv", ".tsv"):
        lines = io.StringIO(read_text(path), newline="")
        rows = list(csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ","))
    elif path.suffix == ".json" and (text := read_text(path)).lstrip().startswith("["):
        rows = _json(path, text)
    elif path.suffix == ".json" and text.lstrip().startswith('{"data"'):
        rows = _json(path, text)["data"]
    else:
        return read_rows(path, make)
    return [make(_row(path, number, row)) for number, row in enumerate(rows, start=1)]


def _row(path: Path, number: int, values: object) -> JsonRow:
    if not isinstance(values, dict):
        raise DataError(f"{path}: row {number}: expected an object, got {type(values).__name__}")
    return JsonRow(path, number, values)


def _json(path: Path, text: str) -> Any:  # noqa: ANN401 - plain data
    try:
        return parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); fetch it again") from error


def _parquet(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    try:
        return pl.read_parquet(path).to_dicts()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: is no parquet file, or a part of one ({error}); fetch it again") from error


def load_part(
    card: Card, part: str, root: str, names: Sequence[str], make: Callable[[JsonRow], Example | list[Example]]
) -> Dataset:
    """The data set of a part whose rows stand in the first of these files; a row may make several examples.

    Raises:
        DataError: where the file is not here, or a row is broken.
    """
    folder, variant = files_of(card, root)
    file = find(folder, *names)
    made = [one if isinstance(one, list) else [one] for one in read_table(file, make)]
    return dataset(card, [one for some in made for one in some], [file], folder, variant, card.measures(part))


def located(document: Document, pieces: Sequence[str]) -> tuple[Evidence, ...]:
    """The places at which pieces stand in a document, word for word; those that do not are left out."""
    text, name = document.page_content, str(document.id)
    places = [(text.find(piece), len(piece)) for piece in pieces if piece.strip()]
    return tuple(Evidence(name, start, start + length) for start, length in places if start >= 0)
