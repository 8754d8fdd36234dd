"""Files that others wrote: every fault is a `DataError` that names the file, the line and the reason."""

import codecs
import gzip
import hashlib
import io
import json
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from rlc.data.errors import DataError
from rlc.data.plain import parse_json
from rlc.data.records import Example

Made = TypeVar("Made")
Value = TypeVar("Value")


def read_bytes(path: Path) -> bytes:
    """Read a file's bytes whole.

    Raises:
        FileNotFoundError: if it is absent.
        DataError: if it cannot be read for another reason.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise DataError(f"{path}: cannot be read ({error}); give a file that you may read") from error


def decode(raw: bytes, name: str, encoding: str = "utf-8") -> str:
    """Decode a text file's bytes (a byte order mark dropped); line ends stay as they are.

    Raises:
        DataError: if it is binary, in another encoding, or holds no text.
    """
    if b"\0" in raw:
        raise DataError(
            f"{name}: holds NUL bytes, so it is a binary file or UTF-16; expected UTF-8 text. "
            "Convert it first (`iconv -f UTF-16 -t UTF-8`), or take it out of the folder"
        )
    try:
        text = raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}: line {line}: byte 0x{raw[error.start]:02x} is not {encoding.upper()}. "
            "Convert the file to UTF-8 first (`iconv -f WINDOWS-1252 -t UTF-8`, if that is its encoding)"
        ) from error
    if not text.strip():
        raise DataError(f"{name}: holds no text; fill it or take it away")
    return text


def check_name(name: str) -> str:
    """A file's name, which becomes a document's.

    Raises:
        DataError: if it is not UTF-8, as in old archives: no result could be written under it.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"the file name {name!a} is not UTF-8; rename the file (`convmv -f latin1 -t utf8`)"
        ) from error
    return name


def leads_out(root: Path, path: Path) -> bool:
    """Whether a link among the files below `root` leads to a file elsewhere, which is none of the data set."""
    return not path.resolve().is_relative_to(root.resolve())


def read_text(path: Path) -> str:
    """Read a text file; see `decode` for what is refused."""
    return decode(read_bytes(path), str(path))


@dataclass(frozen=True)
class JsonRow:
    """One object of a JSON Lines file, with where it stands (`line` counts from 1).

    `twice` are keys that it, or an object within it, has more than once, of which `values` holds the last.
    """

    path: Path
    line: int
    values: Mapping[str, Any]
    twice: Sequence[str] = ()

    def fault(self, reason: str) -> DataError:
        """The error that says what is wrong with this row."""
        return DataError(f"{self.path}: line {self.line}: {reason}")

    def text(self, key: str) -> str:
        """The text under `key`.

        Raises:
            DataError: if it is absent, no string or blank.
        """
        value = as_text(self.values.get(key))
        if value is None:
            came = (
                f"got {self.values[key]!r}"
                if key in self.values
                else f"the row has {', '.join(self.values) or 'nothing'}"
            )
            raise self.fault(f"expected text under {key!r}, {came}")
        return value

    def optional(self, key: str, kind: type[Value]) -> Value | None:
        """The value under `key`, or None where it is absent or null.

        Raises:
            DataError: if it is of another type, or blank text.
        """
        value = self.values.get(key)
        if value is None:
            return None
        if kind is str:
            value = as_text(value)
        if not isinstance(value, kind):
            wanted = {str: "text", bool: "true or false", dict: "an object"}.get(kind, kind.__name__)
            raise self.fault(
                f"expected {wanted} under {key!r}, got {self.values[key]!r}; leave the key out if there is none"
            )
        return value


def as_text(value: object) -> str | None:
    """A text that is not blank, or a finite number as its digits; None for all else.

    >>> as_text("Ada"), as_text(1871), as_text(3.5), as_text(" "), as_text(True)
    ('Ada', '1871', '3.5', None, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if abs(value) < float("inf") else None
    return value if isinstance(value, str) and value.strip() else None


def read_rows(path: Path, make: Callable[[JsonRow], Made], *, strict: bool = True) -> list[Made]:
    """Make something of every row of a JSON Lines file, packed or plain; blank lines and no final newline are borne.

    Args:
        path: The file.
        make: Turns a row into what is wanted, or raises `row.fault(reason)`.
        strict: Stop at the first broken row; else leave broken rows out and warn with their number.

    Raises:
        DataError: for the first broken row, where `strict`; always where the file is absent.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; check its name, and the folder that it is looked for in")
    if leads_out(path.parent, path):
        raise DataError(f"{path}: is a link to a file elsewhere; put the file itself into the folder")
    raw = unpacked(path)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(
            f"{path}: is UTF-16, as PowerShell writes it; convert it first (`iconv -f UTF-16 -t UTF-8`)"
        )
    made: list[Made] = []
    faults: list[DataError] = []
    # Not str.splitlines: JSON strings may hold U+2028 and other characters at which that would cut.
    for line, text in enumerate(io.BytesIO(raw.removeprefix(codecs.BOM_UTF8)), start=1):
        if not text.strip():
            continue
        try:
            made.append(make(_parse(path, line, text.removesuffix(b"\n"))))
        except DataError as fault:
            if strict:
                raise
            faults.append(fault)
    if faults:
        warnings.warn(f"{len(faults)} broken row(s) left out; the first: {faults[0]}", stacklevel=2)
    return made


def unpacked(path: Path) -> bytes:
    """What a file holds; of one that ends in `.gz`, what is packed in it.

    Raises:
        DataError: if it cannot be read, or is damaged.
    """
    raw = read_bytes(path)
    if path.suffix != ".gz":
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is damaged ({error}); fetch it again") from error


def _parse(path: Path, line: int, raw: bytes) -> JsonRow:
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                twice.append(key)
            found[key] = value
        return found

    try:
        values = parse_json(raw.decode(), once)
        if b"\\u" in raw:  # only an escape can bring half a surrogate pair, which no file can hold afterwards
            json.dumps(values, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: line {line}: not UTF-8 ({error.reason} at byte {error.start})") from error
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path}: line {line}: holds half of a surrogate pair ({error.object[error.start]!a}), which is no "
            "character; write the pair whole or take it out"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: line {line}: not JSON ({error}); expected one object a line") from error
    if not isinstance(values, dict):
        raise DataError(
            f"{path}: line {line}: expected a JSON object {{...}}, got {type(values).__name__}; write one object a line "
            "(`jq -c '.[]' FILE` makes them of a list)"
        )
    return JsonRow(path, line, values, twice)


def digest(root: Path, paths: Iterable[Path]) -> str:
    """A digest (32 hexadecimal digits) of the files' names below `root` and of their contents, in any order."""
    whole = hashlib.blake2b(digest_size=16)
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in paths):
        content = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
        whole.update(f"{content} {name}\n".encode())
    return whole.hexdigest()


def short_digest(*parts: str) -> str:
    """Eight hexadecimal digits for an id, the same for the same parts; equal ids are what `numbered` is for."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()


def numbered(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The examples with `-2`, `-3`, ... added to an id that stood before, so that every id is unique."""
    seen: Counter[str] = Counter()
    result = []
    for example in examples:
        seen[example.id] += 1
        ordinal = seen[example.id]
        result.append(example if ordinal == 1 else replace(example, id=f"{example.id}-{ordinal}"))
    return tuple(result)
