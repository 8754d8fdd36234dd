"""The text of an HTML page."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlc.data.errors import DataError
from rlc.data.formats.files import decode, read_bytes

if TYPE_CHECKING:
    from bs4.element import PageElement, Tag

_UNSEEN = ("title", "script", "style", "template", "noscript")
_LINES = ("caption", "dd", "dt", "li", "summary")
_CELLS = ("td", "th")


def read_html(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a page and, as metadata, its `title` where it has one.

    Blocks are set apart by blank lines, list items and table rows by line ends, cells by " | "; white space is what
    a browser shows. Scripts, styles and comments are left out. The encoding is the one that the page declares, else
    UTF-8.

    Raises:
        DataError: if the page is in another encoding, binary, or holds no text.
    """
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector

    raw = read_bytes(path)
    declared = EncodingDetector.find_declared_encoding(raw, is_html=True)
    try:
        page = decode(raw, str(path), declared or "utf-8")
    except LookupError as error:
        raise DataError(
            f"{path}: declares an unknown encoding, {declared!r}; correct its <meta> tag"
        ) from error
    soup = BeautifulSoup(page, "html.parser")
    title = soup.title.get_text(strip=True) if soup.title else ""
    text = re.sub(r"[^\S\n]+$", "", _render(soup.contents), flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    if not text:
        raise DataError(f"{path}: holds no text; if a script draws the page, save it from a browser as shown")
    return text, {"title": title} if title else {}


def _render(elements: "Iterable[PageElement]") -> str:
    """The text of the elements. It loops over a stack of what is to come: pages nest deeper than calls may."""
    from bs4.element import NavigableString, Tag

    pieces = ["\n"]
    coming: list[PageElement | str | None] = [*reversed([*elements])]
    while coming:
        element = coming.pop()
        if isinstance(element, Tag):
            coming += reversed(_parts(element))
        elif element is None:  # a line border: one is enough
            pieces.append("" if pieces[-1].endswith("\n") else "\n")
        elif type(element) is NavigableString:  # its subclasses are comments and the like
            line = re.sub(r"\s+", " ", element)
            pieces.append(line.removeprefix(" ") if pieces[-1][-1].isspace() else line)
        elif type(element) is str:
            pieces.append(element)
        if not pieces[-1]:
            pieces.pop()
    return "".join(pieces)


def _parts(tag: "Tag") -> "list[PageElement | str | None]":
    """What a tag shows: its contents and the borders around them, None for a line end where there is none yet."""
    from bs4.builder import HTMLTreeBuilder

    if tag.name in _UNSEEN:
        return []
    if tag.name == "br":
        return ["\n"]
    if tag.name == "pre":
        return ["\n\n", tag.get_text(), "\n\n"]
    if tag.name in _CELLS:
        follows = tag.find_previous_sibling(_CELLS) or getattr(tag.parent, "name", "") in _CELLS
        border = " | " if follows else ""
        if tag.find(("table", "tr")):  # it lays out the page, so its lines stay
            return [border, *tag.contents]
        return [border, " ".join(_render(tag.contents).split())]
    if tag.name == "tr":
        cells = (part for part in tag.contents if not (isinstance(part, str) and part.isspace()))
        return [None, *cells, None]
    if tag.name in _LINES:
        return [None, *tag.contents, None]
    if tag.name in HTMLTreeBuilder.DEFAULT_BLOCK_ELEMENTS:
        return ["\n\n", *tag.contents, "\n\n"]
    return [*tag.contents]
