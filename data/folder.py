"""A user's own folder: documents as `.txt`, `.md`, `.html` and `.pdf`, questions in `questions.jsonl`.

The documents are all such files in the folder and below it, hidden ones left out. A document's id is its path from
the folder, such as `reports/2024.pdf`; the questions are written as `rlc.data.jsonl` says.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.data.files import decode, digest, read_text
from rlc.data.jsonl import read_questions
from rlc.data.records import Dataset

_BLANK_LINE = "\n\n"
_LINES = ("br", "caption", "dd", "dt", "li", "summary", "tr")
_ROWS = (
    "dl",
    "ol",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "tr",
    "ul",
)  # white space between their parts means nothing


def load(root: Path) -> Dataset:
    """Read a folder of documents and its `questions.jsonl`.

    Raises:
        DataError: naming the file, and the line where there is one, if it holds no document or no question, or
            something in it cannot be read.
    """
    documents = load_documents(root)
    asked = root / "questions.jsonl"
    examples = read_questions(asked, documents)
    read = [asked, *(root / name for name in documents)]
    return Dataset(root.resolve().name, examples, documents, digest(root, read))


def load_documents(root: Path) -> dict[str, Document]:
    """Read the documents alone, by id.

    Metadata: `kind` ("document"), `title`, and for PDF `pages`, the character offset at which each page begins.

    Raises:
        DataError: if there is none, or one is empty, binary, encrypted or damaged.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected one with {', '.join(_READERS)} files")
    documents, passed = {}, []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        read = _READERS.get(path.suffix.lower())
        if read is not None:
            text, metadata = read(path)
            metadata = {"kind": "document", "title": path.stem, **metadata}
            documents[name.as_posix()] = Document(id=name.as_posix(), page_content=text, metadata=metadata)
        elif name.as_posix() != "questions.jsonl":
            passed.append(name.as_posix())
    if passed:
        warnings.warn(
            f"{root}: {len(passed)} file(s) are no documents and stay unread: {', '.join(passed[:5])}",
            stacklevel=2,
        )
    if not documents:
        raise DataError(
            f"{root}: holds no documents; expected {', '.join(_READERS)} files, or a documents.jsonl"
        )
    return documents


def _plain(path: Path) -> tuple[str, dict[str, Any]]:
    return read_text(path), {}


def _html(path: Path) -> tuple[str, dict[str, Any]]:
    """The page's text: a line per block and table row, cells set apart by " | ", nothing of scripts and styles."""
    from bs4 import BeautifulSoup
    from bs4.builder import HTMLTreeBuilder
    from bs4.dammit import EncodingDetector
    from bs4.element import NavigableString

    raw = path.read_bytes()
    declared = EncodingDetector.find_declared_encoding(raw, is_html=True)
    try:
        soup = BeautifulSoup(decode(raw, str(path), declared or "utf-8-sig"), "html.parser")
    except LookupError as error:
        raise DataError(
            f"{path}: declares an unknown encoding, {declared!r}; correct its <meta> tag"
        ) from error
    title = soup.title.get_text(strip=True) if soup.title else ""
    for tag in soup(["head", "script", "style", "template", "noscript"]):
        tag.decompose()
    for piece in soup.find_all(string=True):
        if piece.find_parent("pre") is None and type(piece) is NavigableString:  # not a comment
            between = piece.isspace() and piece.parent is not None and piece.parent.name in _ROWS
            piece.replace_with("" if between else re.sub(r"\s+", " ", piece))
    for tag in soup(sorted(HTMLTreeBuilder.DEFAULT_BLOCK_ELEMENTS.difference(_LINES))):
        tag.insert_before(_BLANK_LINE)
        tag.insert_after(_BLANK_LINE)
    for tag in soup(_LINES):
        tag.insert_after("\n")
    for cell in soup(["td", "th"]):
        if cell.find("table") is None:  # a page laid out by tables keeps its lines
            cell.string = " ".join(cell.get_text().split())
        if cell.find_next_sibling(["td", "th"]):
            cell.insert_after(" | ")
    lines = re.sub(r"[^\S\n]+$|^ (?=\S)", "", soup.get_text(), flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", _BLANK_LINE, lines).strip()
    if not text:
        raise DataError(f"{path}: holds no text; if a script draws the page, save it from a browser as shown")
    return text, {"title": title} if title else {}


def _pdf(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a PDF, its pages set apart by blank lines; `pages` holds where each begins."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(f"{path}: is locked with a password; save an open copy (`qpdf --decrypt`)")
        texts = [_whole(page.extract_text()) for page in reader.pages]
    except DependencyError as error:
        raise DataError(f"{path}: is encrypted ({error}); save an open copy (`qpdf --decrypt`)") from error
    except (PyPdfError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # pypdf lets Python's own errors through where a file is damaged.
        raise DataError(
            f"{path}: is no readable PDF ({type(error).__name__}: {error}); save it anew"
        ) from error
    blank = sum(not text.strip() for text in texts)
    if blank == len(texts):
        raise DataError(
            f"{path}: no text in its {blank} page(s), so it is scanned; add text first (`ocrmypdf`)"
        )
    if blank:
        warnings.warn(f"{path}: {blank} of {len(texts)} pages hold no text (pictures or scans)", stacklevel=3)
    starts = accumulate((len(text) + len(_BLANK_LINE) for text in texts[:-1]), initial=0)
    return _BLANK_LINE.join(texts), {"pages": tuple(starts)}


def _whole(text: str) -> str:
    """Join surrogate pairs that a PDF's character map gave in halves; what is no character becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


_READERS: Mapping[str, Callable[[Path], tuple[str, dict[str, Any]]]] = {
    ".txt": _plain,
    ".md": _plain,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
}
