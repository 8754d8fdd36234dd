"""The text of a PDF."""

import io
import warnings
from itertools import accumulate
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import read_bytes

_PAGE_BREAK = "\n\n"


def read_pdf(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a PDF, its pages set apart by blank lines, and as metadata `pages`: the offset at which each begins.

    Pages without text, such as pictures, stay as empty pages; a warning gives their number.

    Raises:
        DataError: if the file is damaged or locked, or no page holds text (a scan).
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    try:
        reader = PdfReader(io.BytesIO(read_bytes(path)))
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
    starts = accumulate((len(text) + len(_PAGE_BREAK) for text in texts[:-1]), initial=0)
    return _PAGE_BREAK.join(texts), {"pages": tuple(starts)}


def _whole(text: str) -> str:
    """Join surrogate pairs that a PDF's character map gave in halves; what is no character becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
