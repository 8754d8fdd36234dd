"""A report's texts on a terminal: in colour where there is any, and to be read without."""

from collections.abc import Iterator

from rich.table import Table as RichTable
from rich.text import Text

from rlc.data.text.escape import escape_controls
from rlc.experiments.report.records import Block, Cell, Excerpt, Piece, Report, Section, Table

INDENT = "    "
SHORT = 80  # characters of a text that stands behind its name
STYLES = {"": "", "kept": "cyan", "dropped": "yellow strike"}
GOLD = "bold reverse"
LEGEND = "[-dropped by a pruner-] **gold evidence**"


def lines(report: Report) -> Iterator[Text]:
    """Title, texts and blocks; plots, tables and grids are left to the page.

    What a pruner dropped stands in [- -] and gold evidence in ** **, so that no colour is needed to tell them.
    """
    yield from heading(report)
    for section in report.sections:
        yield from section_lines(section)


def heading(report: Report) -> Iterator[Text]:
    """Title and banner, and what the marks mean where there are any."""
    yield Text(escape_controls(report.title), style="bold")
    yield Text(escape_controls(report.banner))
    if any(piece.gold or piece.state for piece in _pieces(report)):
        yield Text(f"marks: {LEGEND}")


def section_lines(section: Section) -> Iterator[Text]:
    """A section's title, texts and blocks."""
    yield Text("")
    yield Text(f"== {escape_controls(section.title)}", style="bold")
    yield from (Text(escape_controls(text)) for text in section.texts)
    for block in section.blocks:
        yield from _block(block)


def table_of(table: Table) -> RichTable:
    """A table's cells, the small print behind the figure; its note below."""
    shown = RichTable(
        title=Text(escape_controls(table.title)), title_justify="left", caption=Text(escape_controls(table.note)) or None,
        caption_justify="left",
    )  # fmt: skip
    for place, column in enumerate(table.columns):
        shown.add_column(Text(column), justify="left" if table.prose or place == 0 else "right")
    for row in table.rows:
        shown.add_row(*map(_cell, row))
    return shown


def _cell(cell: Cell) -> Text:
    detail = f" ({escape_controls(cell.detail)})" if cell.detail else ""
    return Text.assemble((escape_controls(cell.text), "bold" if cell.strong else ""), detail)


def _block(block: Block) -> Iterator[Text]:
    if block.title:
        yield Text(escape_controls(block.title), style="bold")
    for excerpt in block.excerpts:
        yield from _excerpt(excerpt)


def _excerpt(excerpt: Excerpt) -> Iterator[Text]:
    """A short text behind its name, a longer one indented below."""
    name = escape_controls(excerpt.name)
    if not excerpt.pieces:
        yield Text(name)
        return
    text = Text.assemble(*map(_marked, excerpt.pieces))
    found = text.split("\n", allow_blank=True)
    if len(found) == 1 and len(text) <= SHORT:
        yield Text.assemble(f"{name}: ", text)
        return
    yield Text(f"{name}:")
    yield from (Text.assemble(INDENT, line) for line in found)


def _marked(piece: Piece) -> tuple[str, str]:
    text = escape_controls(piece.text)
    if piece.gold:
        text = f"**{text}**"
    if piece.state == "dropped":
        text = f"[-{text}-]"
    return text, f"{STYLES[piece.state]} {GOLD if piece.gold else ''}".strip()


def _pieces(report: Report) -> Iterator[Piece]:
    for section in report.sections:
        for block in section.blocks:
            for excerpt in block.excerpts:
                yield from excerpt.pieces
