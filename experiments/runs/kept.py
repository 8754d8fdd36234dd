"""The files of a run: replaced whole, held to their digests when they are read, and written by one process at a time."""

import fcntl
import hashlib
import json
import os
import socket
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path

from rlc.data.errors import DataError, StoreError
from rlc.data.plain import parse_json
from rlc.data.written import written

DIGESTS = "digests.json"
LOCK = ".lock"
AGAIN = "the answers are safe in the store: free some space or give another folder with --out, then run again"
MEND = "run the same `rlc compare` again to write it anew: its answers are stored"


def write_whole(file: Path, data: bytes, advice: str = AGAIN) -> None:
    """Replace a file whole or not at all.

    Raises:
        StoreError: where it cannot be written, with advice.
    """
    with replaced(file, advice) as draft:
        draft.write_bytes(data)


@contextmanager
def replaced(file: Path, advice: str = AGAIN) -> Iterator[Path]:
    """`rlc.data.written.written` for the files of a run, which can be made again from the store, unless advice says otherwise.

    Raises:
        StoreError: where it cannot be written, with advice.
    """
    try:
        with written(file) as draft:
            yield draft
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error}; {advice}") from error


def write_kept(file: Path, data: bytes) -> None:
    """Replace a file whole, and note its digest beside it.

    The new digest is noted before the file is replaced, and the old one dropped after: whenever somebody reads, the
    digest of what is there is among those that are noted.

    Raises:
        StoreError: where it cannot be written.
    """
    try:
        noted = _all_noted(file.parent)
    except DataError:  # what it told of the other files is lost, and they will be written anew too
        noted = {}
    _note(file, noted, [*noted.get(file.name, []), digest(data)])
    write_whole(file, data)
    _note(file, noted, [digest(data)])


def as_json(value: object) -> bytes:
    """Plain data as the text of a file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def read_kept(file: Path) -> bytes:
    """The bytes of a file of a run.

    Raises:
        OSError: if it cannot be read.
        DataError: if it is not as it was written.
    """
    for _ in range(3):  # it may be replaced between the two looks
        data = file.read_bytes()
        noted = _all_noted(file.parent).get(file.name)
        if not noted or digest(data) in noted:
            return data
    raise DataError(f"{file} is not as it was written, so it was edited or is damaged; {MEND}")


def digest(*pieces: bytes | memoryview | mmap) -> str:
    """What a file of these pieces is held to: 32 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def _note(file: Path, noted: Mapping[str, list[str]], known: list[str]) -> None:
    whole = {**noted, file.name: known}
    write_whole(file.with_name(DIGESTS), json.dumps(whole, indent=1).encode())


def _all_noted(folder: Path) -> dict[str, list[str]]:
    """The digests of a run's files by name; empty where it was written before digests were kept."""
    file = folder / DIGESTS
    if not file.is_file():
        return {}
    try:
        noted = parse_json(file.read_bytes())
        return {str(name): [str(one) for one in known] for name, known in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{file} cannot be read ({error}); take it away and {MEND}") from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Be the only process that writes to a run; who comes second says whom it waits for, and waits.

    The lock is the kernel's, so that it ends with the process that held it, however that ended.

    Raises:
        StoreError: where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreError(f"cannot make {folder}: {error}; give a writable folder with --out") from error
    try:
        _wait_for(handle, folder)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()} since {time.ctime()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, folder: Path) -> None:
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                holder = os.pread(handle, 200, 0).decode("utf-8", "replace") or "another process"
                warnings.warn(f"{folder} is being written by {holder}: waiting for it to end", stacklevel=4)
                told = True
            time.sleep(0.2)
        except OSError:  # a file system without locks: one process at a time is then up to the user
            return
        else:
            return
