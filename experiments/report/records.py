"""What a report is made of: plain records that know nothing of HTML, Markdown or statistics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Cell(NamedTuple):
    """One cell of a table: the figure, and in small what belongs to it (interval, n); `strong` sets it off."""

    text: str
    detail: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its name. One of `prose` holds words, a `folded` one is shown on demand."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    prose: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Plot:
    """A picture; `name` is that of its files, `caption` says in words what it shows."""

    name: str
    caption: str
    draw: "Callable[[], Figure]"


class Piece(NamedTuple):
    """Some text of an excerpt: `kept` or `dropped` by a pruner, or neither, and whether it is gold evidence."""

    text: str
    state: str = ""
    gold: bool = False


class Excerpt(NamedTuple):
    """A named text, such as an answer or a passage, in pieces that follow each other."""

    name: str
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class Block:
    """Excerpts that belong together, under a title or under that of their section."""

    title: str
    excerpts: Sequence[Excerpt]


class Sortable(NamedTuple):
    """What a cell of a grid shows, and the number that it is sorted by."""

    number: float
    text: str


Value = str | float | None | Sortable


@dataclass(frozen=True)
class Grid:
    """A long table that the page lets a reader search and sort.

    A row opens to its own table of `details`, under `detail_columns`; there are as many as rows.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    detail_columns: Sequence[str]
    details: Sequence[Sequence[Sequence[Value]]]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the report. `id` is its anchor; texts come first, then plots, tables, blocks and the grid."""

    id: str
    title: str
    texts: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    blocks: Sequence[Block] = ()
    grid: Grid | None = None


@dataclass(frozen=True)
class Report:
    """The whole of it. `banner` says what the figures may be called; a `loud` one is a warning."""

    title: str
    banner: str
    loud: bool
    sections: Sequence[Section]
