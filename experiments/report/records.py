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


@dataclass(frozen=True)
class Section:
    """A part of the report. `id` is its anchor; texts come first, then plots, then tables."""

    id: str
    title: str
    texts: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Report:
    """The whole of it. `banner` says what the figures may be called; a `loud` one is a warning."""

    title: str
    banner: str
    loud: bool
    sections: Sequence[Section]
