"""Text of office files, tables, e-books and mail, by MarkItDown (Apache/MIT; the extra `files`), and of mail by the library."""

import io
import re
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError, require
from rlc.data.formats.files import read_bytes
from rlc.data.formats.html import html_text

CONVERTERS = {
    ".docx": "DocxConverter",
    ".pptx": "PptxConverter",
    ".xlsx": "XlsxConverter",
    ".csv": "CsvConverter",
    ".epub": "EpubConverter",
    ".msg": "OutlookMsgConverter",
}
UNPACKED = 1 << 30  # bytes: what a file may unpack to
_PICTURE = re.compile(
    r"!\[[^\]]*\]\((?:data:[^)]*|[^)\s]+\.(?:png|jpe?g|gif|svg|emf|wmf|bmp|tiff?))\)", re.IGNORECASE
)
_HEADERS = ("From", "To", "Cc", "Date", "Subject")


def read_office(path: Path) -> tuple[str, dict[str, Any]]:
    """Read a file as Markdown: headings, lists and tables stay, pictures are left out and counted.

    Raises:
        DataError: if it cannot be read, unpacks beyond a gigabyte, or holds no text.
        MissingExtraError: without MarkItDown.
    """
    require("markitdown")
    raw = read_bytes(path)
    try:
        _check_size(raw, path)
        found = _converter(path.suffix.lower())(io.BytesIO(raw))
    except DataError:
        raise
    except Exception as error:  # whatever one of a dozen parsers raises on a damaged file
        said = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: cannot be read as {path.suffix} ({type(error).__name__}: {said}); save it anew"
        ) from error
    text, pictures = _PICTURE.subn("", found)
    if pictures:
        warnings.warn(f"{path}: {pictures} picture(s) left out", stacklevel=3)
    if not text.strip():
        raise DataError(f"{path}: holds no text; take it out of the folder")
    return text, {"read_by": f"markitdown {version('markitdown')}"}


def read_mail(path: Path) -> tuple[str, dict[str, Any]]:
    """Read an e-mail: its headers, then its text; attachments are left out and counted.

    Raises:
        DataError: if it cannot be read or holds no text.
    """
    from email import message_from_bytes
    from email.policy import default

    raw = read_bytes(path)
    try:
        message = message_from_bytes(raw, policy=default)
        body = message.get_body(("plain", "html"))
        attached = sum(1 for _ in message.iter_attachments())
        said = str(body.get_content()) if body else ""
        is_html = body is not None and body.get_content_subtype() == "html"
        heads = [f"{name}: {message[name]}" for name in _HEADERS if message[name]]
    except (
        Exception
    ) as error:  # a character set that nobody knows; headers on which the library's own parser trips
        raise DataError(
            f"{path}: cannot be read as .eml ({type(error).__name__}: {error}); save it anew"
        ) from error
    if attached:
        warnings.warn(f"{path}: {attached} attachment(s) left out", stacklevel=3)
    if is_html:
        said = html_text(said, str(path))
    if not said.strip():
        raise DataError(f"{path}: holds no text; take it out of the folder")
    return "\n".join([*heads, "", said.replace("\r\n", "\n").strip()]), {}


def _check_size(raw: bytes, path: Path) -> None:
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        size = sum(one.file_size for one in packed.infolist())
    if size > UNPACKED:
        raise DataError(
            f"{path}: unpacks to {size:,} bytes, and {UNPACKED:,} is the most that is read; cut it in parts"
        )


@cache
def _converter(suffix: str) -> Callable[[io.BytesIO], str]:
    """What reads files of a suffix and nothing else: asked as a whole, MarkItDown takes a damaged file for plain text."""
    import markitdown
    from markitdown import converters

    reader = getattr(converters, CONVERTERS[suffix])()
    about = markitdown.StreamInfo(extension=suffix, charset="utf-8")
    return lambda stream: str(reader.convert(stream, about).text_content)
