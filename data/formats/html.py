"""The text of an HTML page."""

import codecs
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import decode, read_bytes

MADE_BY_RLC = '<meta name="generator" content="rlc">'
"""Stands at the beginning of pages that rlc writes beside a user's documents, and that are none."""

_UNSEEN = frozenset(["title", "script", "style", "template", "noscript"])
_LINES = frozenset(["caption", "dd", "dt", "li", "summary", "tr"])
_CELLS = frozenset(["td", "th"])
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "canvas",
        "div",
        "dl",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "main",
        "nav",
        "ol",
        "output",
        "p",
        "pre",
        "section",
        "table",
        "tfoot",
        "ul",
        "video",
    ]
)
_BETWEEN_CELLS = frozenset(["table", "tbody", "thead", "tfoot", "tr"])
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)

_DECLARED = re.compile(
    rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([^\s"'/>;]+) | ^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']+)""",
    re.IGNORECASE | re.VERBOSE,
)
_HEAD = 4096  # bytes in which a page declares its encoding
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# What browsers read under a label, by Python's name of it: the Encoding Standard, https://encoding.spec.whatwg.org.
_READ_AS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-8",  # a declaration that can be read as bytes is not in UTF-16
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
_LABELS = {"x-sjis": "cp932", "unicode-1-1-utf-8": "utf-8", "x-gbk": "gb18030", "ks_c_5601-1987": "cp949"}
_STEP = 1 << 16  # bytes that the parser is fed at a time


def read_html(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a page and, as metadata, its `title` where it has one.

    Blocks are set apart by blank lines, list items and table rows by line ends, cells by " | "; white space is what
    a browser shows. Scripts, styles, comments and what is hidden (`hidden`, `display: none`) are left out. The encoding
    is what a browser takes: a byte order mark's, else the declared one as the Encoding Standard reads its label, else
    UTF-8.

    Raises:
        DataError: if the page is in another encoding, binary, or holds no text.
    """
    text, title = _parsed(_decoded(read_bytes(path), str(path)), str(path))
    if not text:
        raise DataError(f"{path}: holds no text; if a script draws the page, save it from a browser as shown")
    return text, {"title": title} if title else {}


def html_text(page: str, name: str) -> str:
    """The text of a page that is decoded already.

    Raises:
        DataError: if it cannot be read.
    """
    return _parsed(page, name)[0]


def _parsed(decoded: str, name: str) -> tuple[str, str]:
    from lxml import etree

    page = decoded.encode("utf-8", "replace")
    parser = etree.HTMLParser(target=_Text(), encoding="utf-8", huge_tree=True)
    try:
        for start in range(0, len(page), _STEP):
            parser.feed(page[start : start + _STEP])
        text, title = parser.close()
    except etree.LxmlError as error:
        raise DataError(f"{name}: cannot be read as HTML ({error}); save it from a browser anew") from error
    return text, title


def _decoded(raw: bytes, name: str) -> str:
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return decode(raw.decode(encoding, "replace").encode(), name)
    match = _DECLARED.search(raw, 0, _HEAD)
    if match is None:
        return decode(raw, name)
    label = (match[1] or match[2]).decode("ascii", "replace").lower()
    try:
        encoding = _LABELS.get(label) or codecs.lookup(label).name
        return decode(raw, name, _READ_AS.get(encoding, encoding))
    except (LookupError, ValueError) as error:
        raise DataError(f"{name}: declares an unknown encoding, {label!r}; correct its <meta> tag") from error


class _Text:
    """What lxml's parser tells of a page, as text; no tree is kept, so that memory is the text's."""

    def __init__(self) -> None:
        self._pieces = ["\n"]
        self._title: list[str] = []
        self._open: list[str] = []
        self._unseen = 0  # the depth of the outermost open tag that shows nothing; 0 where there is none
        self._pre = 0  # how many open tags keep their white space
        self._rows = [0]  # cells so far, in each open row
        self._cells: list[
            int | None
        ] = []  # where each open cell's text begins; None once it lays out a table

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._open.append(tag)
        if self._unseen:
            return
        if tag in _UNSEEN or "hidden" in attributes or _HIDDEN.search(attributes.get("style", "")):
            self._unseen = len(self._open)
        elif tag == "br":
            self._pieces.append("\n")
        elif tag in _CELLS:
            self._lay_out()
            self._pieces += [" | "] * bool(self._rows[-1])
            self._rows[-1] += 1
            self._cells.append(len(self._pieces))
        else:
            self._border(tag)
            self._pre += tag == "pre"
            if tag in ("table", "tr"):
                self._lay_out()
            if tag == "tr":
                self._rows.append(0)

    def end(self, tag: str) -> None:
        if self._open[-1:] != [tag] and tag not in self._open:
            return
        while self._open:
            closed = self._open.pop()
            if not self._unseen:
                self._close(closed)
            elif len(self._open) < self._unseen:
                self._unseen = 0
            if closed == tag:
                return

    def data(self, text: str) -> None:
        if self._open and self._open[-1] == "title" and self._unseen == len(self._open):
            self._title.append(text)
        if self._unseen or (self._open and self._open[-1] in _BETWEEN_CELLS and text.isspace()):
            return
        if not self._pre:
            text = re.sub(r"\s+", " ", text)
            if self._pieces[-1][-1:].isspace():
                text = text.removeprefix(" ")
        self._pieces += [text] * bool(text)

    def comment(self, text: str) -> None:
        """Leave comments out: no reader of the page sees them."""

    def close(self) -> tuple[str, str]:
        """The text and the title."""
        lines = (line.rstrip() for line in "".join(self._pieces).split("\n"))
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
        return text, " ".join("".join(self._title).split())

    def _close(self, tag: str) -> None:
        if tag in _CELLS and self._cells:
            begin = self._cells.pop()
            if begin is not None:  # a cell is one line
                line = " ".join("".join(self._pieces[begin:]).split())
                self._pieces[begin:] = [line] * bool(line)
        elif tag != "br":
            self._border(tag)
            self._pre -= tag == "pre"
            if tag == "tr" and len(self._rows) > 1:
                self._rows.pop()

    def _border(self, tag: str) -> None:
        if tag in _LINES and not self._pieces[-1].endswith("\n"):
            self._pieces.append("\n")
        elif tag in _BLOCKS:
            self._pieces.append("\n\n")

    def _lay_out(self) -> None:
        """The innermost open cell holds a table, so its lines stay."""
        if self._cells:
            self._cells[-1] = None
