"""A user's own folder: documents as text, Markdown, HTML, PDF, mail and office files, questions in `questions.jsonl`.

The documents are all such files in the folder and below it, hidden ones and pages of `rlc ask` left out. A document's id is its path from
the folder, such as `reports/2024.pdf`; the questions are written as `rlc.data.formats.jsonl` says.
"""

import hashlib
import re
import warnings
from collections.abc import Callable, Mapping
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

    Raises:
        DataError: naming the file, and the line where there is one, if it holds no document or no question, or
            something in it cannot be read.
    """
    documents = load_documents(root)
    asked = root / "questions.jsonl"
    examples = read_questions(asked, documents)
    read = [asked, *(root / name for name in documents)]
    revision = digest(root, read)
    # What made a text of a file belongs to what identifies it: another version may make another text.
    if made := sorted(
        {str(one.metadata["read_by"]) for one in documents.values() if "read_by" in one.metadata}
    ):
        revision = hashlib.blake2b("\n".join([revision, *made]).encode(), digest_size=16).hexdigest()
    return Dataset(root.resolve().name, examples, documents, revision, root=root)


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
        if not path.is_file() or any(part.startswith(".") for part in name.parts) or _is_made_by_rlc(path):
            continue
        check_name(name.as_posix())
        read = _READERS.get(path.suffix.lower())
        if leads_out(root, path):
            passed.append(f"{name.as_posix()} (a link out of the folder)")
        elif read is not None:
            try:
                text, metadata = read(path)
            except MissingExtraError:
                passed.append(f"{name.as_posix()} (rlc[files] reads it)")
                continue
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
