"""Data sets that are fetched: where from, which version, and whether it is still what came."""

import gzip
import json
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from rlc.data.errors import DataError
from rlc.data.formats.files import Row, digest, read_rows

LARA_REPOSITORY = "https://github.com/Alibaba-NLP/LaRA"
LARA_COMMIT = "c17155376f4e708bce3c1659facd19886d75a5eb"
LARA_ARCHIVE = f"{LARA_REPOSITORY}/archive/{LARA_COMMIT}.tar.gz"

_KEPT = ("LICENSE", "datasets/", "evaluation/prediction/")
_RECOVERABLE = "128k_book_location.jsonl"  # so large with its passages that mirrors leave it out
_LFS_POINTER = b"version https://git-lfs"
_INSTEAD = (
    f"Instead, on a machine that reaches it, `git clone {LARA_REPOSITORY}` and `git -C LaRA checkout {LARA_COMMIT}`, "
    "bring the folder here and name it: --data-root path/to/LaRA (or RLC_DATA)"
)


def lara_folder(cache: Path) -> Path:
    """Where fetched LaRA lies."""
    return cache / "datasets" / "lara"


def fetch_lara(cache: Path, *, url: str = LARA_ARCHIVE) -> Path:
    """Bring LaRA at the pinned commit into the cache; what is there already is checked and kept.

    No checksum of it is published, so the digest of the files is recorded beside them on the first fetch
    (`lara.json`), and every later fetch and load is held to it.

    Args:
        cache: The cache folder.
        url: A gzipped tar archive of the repository, all below one folder as GitHub packs it.

    Raises:
        DataError: where the network, the archive or the disk refuses, or the files are not what was recorded.
    """
    target = lara_folder(cache)
    if target.exists():
        return check_lara(cache)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".lara-") as folder:
            archive, fresh = Path(folder) / "archive.tar.gz", Path(folder) / "lara"
            _download(url, archive)
            _unpack(archive, fresh)
            _recover(fresh)
            _hold_to_record(cache, fresh, url)
            if not target.exists():  # another process may have been faster
                fresh.rename(target)
    except OSError as error:
        raise DataError(
            f"{target}: {error}; free the disk, or set RLC_CACHE to a folder that takes it"
        ) from error
    return target


def check_lara(cache: Path) -> Path:
    """The folder of fetched LaRA, if its files are still what came.

    Raises:
        DataError: where they are not, or nothing says what came.
    """
    target = lara_folder(cache)
    record = _record_path(cache)
    if not record.is_file():
        raise DataError(
            f"{target}: was not fetched ({record.name} is not beside it), so nothing says what it should hold; "
            "name it as --data-root, or move it away and run `rlc fetch dataset lara`"
        )
    _compare(record, target)
    return target


def recovered_questions(root: Path) -> list[dict[str, Any]]:
    """The rows of `128k_book_location.jsonl`, without their passages, from what models answered to them.

    Every row that a model was asked stands in its prediction file with the gold answer; the longest file counts,
    since some lack rows.

    Raises:
        DataError: where no prediction file holds them.
    """
    files = sorted((root / "evaluation" / "prediction").glob(f"*/*_preds_*_{_RECOVERABLE}"))
    if not files:
        raise DataError(
            f"{root}: holds neither datasets/query/{_RECOVERABLE} nor predictions to recover it from: fetch it again"
        )
    return max((read_rows(path, _asked) for path in files), key=len)


def _asked(row: Row) -> dict[str, Any]:
    return {
        "type": row.text("type"),
        "level": "location",
        "length": "128k",
        "file": row.text("file"),
        "context_order": row.values.get("context_order"),
        "question": row.text("question"),
        "answer": row.text("ground_truth"),
    }


def _recover(root: Path) -> None:
    path = root / "datasets" / "query" / _RECOVERABLE
    absent = not path.is_file() or path.read_bytes().startswith(_LFS_POINTER)
    if absent and (root / "datasets" / "128k" / "book").is_dir():
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in recovered_questions(root))
        path.write_text("".join(lines), encoding="utf-8")


def _download(url: str, archive: Path) -> None:
    import httpx

    try:
        with (
            httpx.stream("GET", url, follow_redirects=True, timeout=30) as response,
            archive.open("wb") as sink,
        ):
            response.raise_for_status()
            for piece in response.iter_bytes():
                sink.write(piece)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DataError(f"{url}: cannot be fetched ({type(error).__name__}: {error}). {_INSTEAD}") from error


def _unpack(archive: Path, root: Path) -> None:
    """Write the files that are wanted, each to its own place below `root` and nowhere else."""
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                _, *parts = PurePosixPath(member.name).parts or ("",)
                name = "/".join(parts)
                if not name.startswith(_KEPT) or member.isdir():
                    continue
                source = tar.extractfile(member) if member.isfile() and ".." not in parts else None
                if source is None:
                    raise DataError(f"the archive holds {member.name!r}, no plain file below it. {_INSTEAD}")
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with source, path.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            while stream.read(1 << 20):  # to the end, where gzip's own checksum stands
                pass
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"the archive is damaged ({error}); fetch it again. {_INSTEAD}") from error
    if not (root / "datasets" / "query").is_dir():
        raise DataError(f"the archive holds no datasets/query, so it is not LaRA. {_INSTEAD}")


def _record_path(cache: Path) -> Path:
    return lara_folder(cache).with_suffix(".json")


def _hold_to_record(cache: Path, fresh: Path, url: str) -> None:
    """Compare with what the first fetch brought, or record it if this is the first."""
    record = _record_path(cache)
    if record.exists():
        _compare(record, fresh)
    else:
        text = json.dumps({"url": url, "digest": _digest(fresh)}, indent=2)
        partial = fresh.with_name("lara.json")
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(record)


def _compare(record: Path, folder: Path) -> None:
    try:
        expected = json.loads(record.read_text(encoding="utf-8"))["digest"]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{record}: is damaged; remove it and {folder}, and fetch again") from error
    got = _digest(folder)
    if got != expected:
        raise DataError(
            f"{folder}: its files have the digest {got}, but the first fetch brought {expected} ({record}). Move the "
            "folder away and run `rlc fetch dataset lara` again; remove the record too if you trust the new files"
        )


def _digest(folder: Path) -> str:
    return digest(folder, (path for path in folder.rglob("*") if path.is_file()))
