"""Text of PDF files, by PDFium."""

import math
import re
import warnings
from itertools import accumulate
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import read_bytes
from rlc.data.formats.scan import recognise, recogniser

_PAGE_BREAK = "\n\n"
# A hyphen at a line's end: as PDFium marks one, or as it stands; with the character that follows.
_LINE_END_HYPHEN = re.compile(r"(?:\x02|(?<=\w)[-\u00ad\u2010]\n)(?=(.?))", re.DOTALL)


def read_pdf(path: Path) -> tuple[str, dict[str, Any]]:
    """Read the text of a PDF, pages set apart by blank lines, and as metadata `pages`: the offset where each begins.

    A word that is hyphenated at a line's end is joined. Columns come in the order in which the file draws them. Pages
    without text are read by Tesseract where it is installed; those that stay empty are counted in a warning.

    Raises:
        DataError: if the file is damaged or locked, or no page holds text (a scan).
    """
    from pypdfium2 import PdfDocument, PdfiumError
    from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY

    try:
        pages = list(PdfDocument(read_bytes(path)))
        texts = [_text(page) for page in pages]
    except PdfiumError as error:
        if error.err_code in (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY):
            raise DataError(
                f"{path}: is locked with a password; save an open copy (`qpdf --decrypt`)"
            ) from error
        raise DataError(f"{path}: is no readable PDF ({error}); save it anew") from error
    about: dict[str, Any] = {}
    scanned = [number for number, text in enumerate(texts) if not text.strip()]
    if scanned and recogniser():
        for number in scanned:
            texts[number] = recognise(pages[number], f"{path}, page {number + 1}")
        if read := sum(bool(texts[number]) for number in scanned):
            about["read_by"] = recogniser()
            warnings.warn(
                f"{path}: {read} of {len(texts)} pages are scanned and were read by {recogniser()}: look at the text "
                "before you trust its figures",
                stacklevel=3,
            )
    blank = sum(not text.strip() for text in texts)
    if blank == len(texts):
        mend = "install Tesseract, which is then used by itself, or add text first (`ocrmypdf`)"
        if recogniser():
            mend = f"{recogniser()} reads nothing in them either: take it out, or add text first (`ocrmypdf`)"
        raise DataError(f"{path}: no text in its {blank} page(s), so it is scanned; {mend}")
    if blank:
        warnings.warn(f"{path}: {blank} of {len(texts)} pages hold no text (pictures or scans)", stacklevel=3)
    starts = accumulate((len(text) + len(_PAGE_BREAK) for text in texts[:-1]), initial=0)
    return _PAGE_BREAK.join(texts), {"pages": tuple(starts), **about}


def _text(page: Any) -> str:  # noqa: ANN401 - pypdfium2 is loaded late
    """Read a page's text, lines ended by line feeds."""
    from pypdfium2.raw import FPDFText_GetCharAngle

    shown = page.get_textpage()
    text: str = shown.get_text_bounded()
    if shown.count_chars() and abs(math.sin(FPDFText_GetCharAngle(shown, 0))) > 0.5:
        # PDFium sees no line ends in text that runs up or down the page, but a box for each line.
        text = "\n".join(shown.get_text_bounded(*shown.get_rect(i)) for i in range(shown.count_rects()))
    text = text.replace("\r\n", "\n").replace("\0", "\ufffd")
    return _LINE_END_HYPHEN.sub(
        lambda found: "" if found[1].islower() else found[0].replace("\x02", "-"), text
    )
