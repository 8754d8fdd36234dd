"""A user's own folder: documents as text, Markdown, HTML, PDF, mail and office files, questions in `questions.jsonl`.

The documents are all such files in the folder and below it, hidden ones and pages of `rlc ask` left out. A document's id is its path from
the folder, such as `reports/2024.pdf`; the questions are written as `rlc.data.formats.jsonl` says.
"""

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from rlc.data.errors import DataError, MissingExtraError
from rlc.data.formats.files import check_name, digest, leads_out, read_bytes, read_text
from rlc.data.formats.html import MADE_BY_RLC, read_html
from rlc.data.formats.jsonl import read_questions
from rlc.data.formats.office import CONVERTERS, read_mail, read_office
from rlc.data.formats.pdf import read_pdf
from rlc.data.records import Dataset

# A picture in the text itself: no reader sees it, and it takes the place of thousands of words.
_PICTURE = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,[A-Za-z0-9+/=_-]{64,}")


def _plain(path: Path) -> tuple[str, dict[str, Any]]:
    return read_text(path), {}


def _markdown(path: Path) -> tuple[str, dict[str, Any]]:
    text, pictures = _PICTURE.subn("", read_text(path))
    if pictures:
        warnings.warn(f"{path}: {pictures} embedded picture(s) left out", stacklevel=3)
    return text, {}


_READERS: Mapping[str, Callable[[Path], tuple[str, dict[str, Any]]]] = {
    ".txt": _plain,
    ".md": _markdown,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".eml": read_mail,
    **dict.fromkeys(CONVERTERS, read_office),
}


def _is_made_by_rlc(path: Path) -> bool:
    """Whether it is a page of questions with their answers, which no reader may find among the documents."""
    return path.suffix.lower() == ".html" and MADE_BY_RLC.encode() in read_bytes(path)[:1024]


def load(root: Path) -> Dataset:
    """Read a folder of documents and its `questions.jsonl`.

    A file that cannot be read is left out: a warning names it, and a note stands beside every figure.

    Raises:
        DataError: naming the file, and the line where there is one, if it holds no document or no question, or
            something in its questions cannot be read, such as one about a file that cannot be.
    """
    documents, unread = _read(root)
    asked = root / "questions.jsonl"
    examples = read_questions(asked, documents, unread)
    read = [asked, *(root / name for name in documents)]
    revision = digest(root, read)
    # What made a text of a file belongs to what identifies it: another version may make another text.
    if made := sorted(
        {str(one.metadata["read_by"]) for one in documents.values() if "read_by" in one.metadata}
    ):
        revision = hashlib.blake2b("\n".join([revision, *made]).encode(), digest_size=16).hexdigest()
    notes = (f"Of the folder {_left_out(unread)}.",) if unread else ()
    return Dataset(root.resolve().name, examples, documents, revision, root=root, notes=notes)


def load_documents(root: Path) -> dict[str, Document]:
    """Read the documents alone, by id; files that cannot be read are left out with a warning.

    Metadata: `kind` ("document"), `title`, and for PDF `pages`, the character offset at which each page begins.

    Raises:
        DataError: if there is none, or none that can be read.
    """
    return _read(root)[0]


def _read(root: Path) -> tuple[dict[str, Document], dict[str, str]]:
    """The documents by id, and why others are none although files of their kind are read."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected one with {', '.join(_READERS)} files")
    documents: dict[str, Document] = {}
    unread: dict[str, str] = {}
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        try:
            if document := _document(root, path, name):
                documents[name] = document
        except MissingExtraError:
            unread[name] = "rlc[files] reads it"
        except DataError as error:
            unread[name] = str(error).removeprefix(f"{path}: ").replace(str(path), name)
    if not documents and unread:
        raise DataError(f"{root}: none of its {len(unread)} document(s) can be read: {_some(unread)}")
    if not documents:
        raise DataError(
            f"{root}: holds no documents; expected {', '.join(_READERS)} files, or a documents.jsonl"
        )
    if unread:
        warnings.warn(f"{root}: {_left_out(unread)}", stacklevel=3)
    return documents, unread


def _files(root: Path) -> Iterator[Path]:
    """The files that are of a kind that is read, in order; a warning names the others."""
    others = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        check_name(name.as_posix())
        if path.suffix.lower() not in _READERS:
            others.append(name.as_posix())
        else:
            yield path
    if others := [name for name in others if name != "questions.jsonl"]:
        warnings.warn(
            f"{root}: {len(others)} file(s) are no documents and stay unread: {', '.join(others[:5])}",
            stacklevel=4,
        )


def _document(root: Path, path: Path, name: str) -> Document | None:
    if leads_out(root, path):
        raise DataError("is a link out of the folder; put the file itself there")
    if _is_made_by_rlc(path):
        return None
    text, metadata = _READERS[path.suffix.lower()](path)
    return Document(id=name, page_content=text, metadata={"kind": "document", "title": path.stem, **metadata})


def _left_out(unread: Mapping[str, str]) -> str:
    return f"{len(unread)} file(s) could not be read and are left out: {_some(unread)}"


def _some(unread: Mapping[str, str]) -> str:
    """The first of them with the reasons."""
    named = [f"{name}: {reason}" for name, reason in list(unread.items())[:5]]
    return ". ".join([*named, f"And {len(unread) - 5} more"] if len(unread) > 5 else named)
