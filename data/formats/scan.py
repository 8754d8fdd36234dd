"""Text of scanned pages, by Tesseract where it is installed.

A page takes it seconds, and every command reads the documents anew: what it read is kept in the cache, by the picture and
by what read it.
"""

import io
import os
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rlc.data.errors import DataError
from rlc.data.weights import cache_folder
from rlc.data.written import written

LANGUAGES = "RLC_OCR_LANGUAGES"  # Tesseract's names, such as deu+eng; eng where it is not set
DOTS = 300  # an inch, what Tesseract was made for
SECONDS = 120  # a page


@cache
def recogniser() -> str:
    """What reads scanned pages here, such as `tesseract 5.3.0 (eng)`; empty where nothing does."""
    program = shutil.which("tesseract")
    if program is None:
        return ""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    words = (said.stdout or said.stderr).split()
    return f"tesseract {words[1] if len(words) > 1 else '?'} ({_languages()})"


def recognise(page: Any, name: str) -> str:  # noqa: ANN401 - of pypdfium2
    """Read the picture of a page, or recall what was read of it.

    Raises:
        DataError: if Tesseract refuses it: a language that it does not have, a page that takes minutes.
    """
    picture = io.BytesIO()
    page.render(scale=DOTS / 72, grayscale=True).to_pil().save(picture, "png")
    read_by = blake2b(recogniser().encode(), digest_size=16).digest()
    kept = cache_folder() / "scans" / blake2b(picture.getvalue(), digest_size=16, key=read_by).hexdigest()
    text = _recall(kept)
    if text is None:
        text = _read(picture.getvalue(), name)
        with suppress(OSError):  # a cache that cannot be written costs time and nothing else
            kept.parent.mkdir(parents=True, exist_ok=True)
            with written(kept) as draft:
                draft.write_bytes(_digest(text.encode()) + text.encode())
    return text


def _recall(kept: Path) -> str | None:
    """What was kept; None where nothing is, or it is damaged."""
    try:
        raw = kept.read_bytes()
    except OSError:
        return None
    return raw[16:].decode() if raw[:16] == _digest(raw[16:]) else None


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()


def _read(picture: bytes, name: str) -> str:
    command = [str(shutil.which("tesseract")), "stdin", "stdout", "-l", _languages()]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # more threads make it slower
    try:
        said = subprocess.run(  # noqa: S603 - no shell, and the page comes by a pipe
            command,
            input=picture,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"{name}: reading a scanned page took over {SECONDS} s; add text first (`ocrmypdf`)"
        ) from error
    if said.returncode:
        reason = " ".join(said.stderr.decode("utf-8", "replace").split())[:200]
        raise DataError(
            f"{name}: Tesseract cannot read its scanned pages ({reason}); {LANGUAGES} names the languages, "
            "which `tesseract --list-langs` lists"
        )
    return said.stdout.decode("utf-8", "replace").replace("\f", "").strip()


def _languages() -> str:
    return os.environ.get(LANGUAGES, "eng")
