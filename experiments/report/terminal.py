"""A report's texts on a terminal: in colour where there is any, and to be read without."""

from collections.abc import Iterator

from rich.text import Text

from rlc.experiments.report.records import Block, Excerpt, Piece, Report
from rlc.experiments.visible import visible

INDENT = "    "
SHORT = 80  # characters of a text that stands behind its name
STYLES = {"": "", "kept": "cyan", "dropped": "yellow strike"}
GOLD = "bold reverse"
LEGEND = "[-dropped by a pruner-] **gold evidence**"


def lines(report: Report) -> Iterator[Text]:
    """Title, texts and blocks; plots, tables and grids are left to the page.

    What a pruner dropped stands in [- -] and gold evidence in ** **, so that no colour is needed to tell them.
    """
    yield Text(visible(report.title), style="bold")
    yield Text(visible(report.banner))
    if any(piece.gold or piece.state for piece in _pieces(report)):
        yield Text(f"marks: {LEGEND}")
    for section in report.sections:
        yield Text("")
        yield Text(f"== {visible(section.title)}", style="bold")
        yield from (Text(visible(text)) for text in section.texts)
        for block in section.blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[Text]:
    if block.title:
        yield Text(visible(block.title), style="bold")
    for excerpt in block.excerpts:
        yield from _excerpt(excerpt)


def _excerpt(excerpt: Excerpt) -> Iterator[Text]:
    """A short text behind its name, a longer one indented below."""
    name = visible(excerpt.name)
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
    text = visible(piece.text)
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
