"""From records to files: HTML and Markdown by Jinja templates, plots as PNG and SVG.

No text reaches a page unescaped: HTML by Jinja's autoescape, Markdown by `markdown_text`, control codes by `escape_controls`
in both, applied to every expression of a template.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rlc.data.errors import StoreError
from rlc.data.formats.html import MADE_BY_RLC
from rlc.data.text.escape import escape_controls
from rlc.data.written import written
from rlc.experiments.report.figures.plots import INK
from rlc.experiments.report.pictures import Pictures
from rlc.experiments.report.records import Cell, Grid, Piece, Report, Sortable, Table, Value

TEMPLATES = Path(__file__).parent / "templates"
SCALE = 7.7
_MARKS = re.compile(r"[\\`*\[\]|#~$]|(?<![^\W_])_|_(?![^\W_])")  # a _ within a word marks nothing


def write_files(report: Report, folder: Path, of: str = "") -> Path:
    """Write report.html, report.md and the plots into a folder.

    Where `of` is a digest of all that the plots are drawn of, those that are there and drawn of the same are not drawn again.

    Returns:
        The HTML file.

    Raises:
        StoreError: where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pictures = Pictures(folder, of)
        drawings = {plot.name: pictures.svg(plot) for section in report.sections for plot in section.plots}
        pictures.note()
        _replace(folder / "report.md", render_markdown(report).encode())
        page = folder / "report.html"
        _replace(page, render_html(report, drawings).encode())
    except OSError as error:
        raise StoreError(
            f"cannot write the report into {folder}: {error}; give another folder with --to"
        ) from error
    return page


def render_html(report: Report, drawings: dict[str, str]) -> str:
    """One page with everything in it. `drawings` are the plots' SVG texts by name."""
    environment = html_environment()
    environment.filters |= {"json": _json, "plain": _plain}
    return environment.get_template("report.html.j2").render(
        report=report,
        css=_own_file("report.css"),
        script=_own_file("grid.js") if any(section.grid for section in report.sections) else "",
        marked=any(
            piece.state or piece.gold
            for section in report.sections
            for block in section.blocks
            for excerpt in block.excerpts
            for piece in excerpt.pieces
        ),
        drawings={name: inline(name, svg) for name, svg in drawings.items()},
    )


def render_questions(
    title: str, said: str, kept: Sequence[Any], dropped: Sequence[Any], rows: Sequence[object]
) -> str:
    """Render a page of made questions to look through: each can be struck out, and what is left saved as `rows` are."""
    environment = html_environment()
    text = json.dumps(rows, ensure_ascii=False).replace("<", "\\u003c")
    return environment.get_template("questions.html.j2").render(
        title=title, said=said, kept=kept, dropped=dropped, css=_own_file("report.css"),
        rows=Markup(text),  # noqa: S704 - no < is in it
        made_by=Markup(MADE_BY_RLC),  # noqa: S704 - our own
    )  # fmt: skip


def render_markdown(report: Report, pictures: bool = True) -> str:
    """Render a report as Markdown; plots are linked, where there are `pictures` to link to."""
    environment = _environment(autoescape=False, finalize=_markdown_value)
    environment.filters["marked"] = _marked
    return environment.get_template("report.md.j2").render(report=report, pictures=pictures)


def markdown_text(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> markdown_text("a|b <i> *c* d_e")
    'a\\|b &lt;i&gt; \\*c\\* d_e'
    """
    plain = " ".join(escape_controls(text).split())
    marked = _MARKS.sub(lambda match: f"\\{match[0]}", plain)
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def html_environment(*folders: Path) -> Environment:
    """Templates of pages, of these folders and the report's own: whatever an expression gives is escaped."""
    return _environment(*folders, autoescape=True, finalize=_html_text)


def _environment(*folders: Path, **settings: Any) -> Environment:  # noqa: ANN401 - Jinja's own settings
    return Environment(  # noqa: S701 - Markdown is escaped by its finalize
        loader=FileSystemLoader([*folders, TEMPLATES]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **settings,
    )


def _own_file(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 - nothing from outside is in it


def _json(grid: Grid) -> Markup:
    """The grid as JSON that cannot end the element around it."""
    record = {
        "columns": grid.columns,
        "rows": [list(map(_value, row)) for row in grid.rows],
        "detailColumns": grid.detail_columns,
        "details": [[list(map(_value, row)) for row in rows] for rows in grid.details],
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - no tag or comment can begin in it


def _value(value: Value) -> object:
    return escape_controls(value) if isinstance(value, str) else value


def _plain(grid: Grid) -> Table:
    """The grid's rows as they are, for a browser that runs no scripts."""
    rows = [[Cell(_shown(value)) for value in row] for row in grid.rows]
    return Table(grid.title, grid.columns, rows, prose=True)


def _shown(value: Value) -> str:
    if isinstance(value, Sortable):
        return value.text
    return "" if value is None else f"{value:,}" if isinstance(value, int | float) else value


def _html_text(value: object) -> object:
    return escape_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


class _Raw(str):
    """Markdown that is written already."""

    __slots__ = ()


def _markdown_value(value: object) -> object:
    return markdown_text(value) if isinstance(value, str) and not isinstance(value, _Raw) else value


def _marked(piece: Piece) -> _Raw:
    """Dropped text is struck out and gold is bold; marks must stand at words, so spaces go outside."""
    text = markdown_text(piece.text)
    around = ("~~" if piece.state == "dropped" else "") + ("**" if piece.gold else "")
    marked = f"{around}{text}{around[::-1]}" if text else ""
    before = " " if piece.text[:1].isspace() else ""
    after = " " if text and piece.text[-1:].isspace() else ""
    return _Raw(f"{before}{marked}{after}")


def _replace(file: Path, data: bytes) -> None:
    with written(file) as draft:
        draft.write_bytes(data)


def inline(name: str, svg: str) -> Markup:
    """An SVG as part of a page: without preamble and metadata, ids its own, text and axes in the page's colour.

    As wide as the page, up to `SCALE` rem for an inch of its own: letters are of one size in all plots.
    """
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(
        r' width="([\d.]+)pt"',
        lambda m: f' style="--width: {SCALE * float(m[1]) / 72:.1f}rem"',
        body,
        count=1,
    )
    body = re.sub(r' height="[\d.]+pt"', "", body, count=1)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    return Markup(body.replace(INK, "currentColor"))  # noqa: S704 - matplotlib escapes the texts in it
