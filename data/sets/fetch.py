"""Data sets that are fetched: where from, which version, and whether it is still what came."""

import gzip
import json
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO

from rlc.data.errors import DataError, UsageError
from rlc.data.formats.files import digest
from rlc.data.plain import parse_json
from rlc.data.sets.card import Card, Files, Git, Hub
from rlc.data.weights import cache_folder
from rlc.data.written import written

Prepare = Callable[[Path], None]


def folder_of(card: Card, cache: Path | None = None) -> Path:
    """Where the fetched files of a data set lie."""
    return (cache or cache_folder()) / "datasets" / card.name


def files_of(card: Card, root: str = "") -> tuple[Path, str]:
    """The folder of a data set's files and what its figures may be called: the user's, else the fetched ones.

    Raises:
        DataError: if neither is there, with the way to get them; or if what was fetched has changed.
    """
    if root:
        given = Path(root).expanduser()
        if not given.exists():
            raise DataError(
                f"{given}: no such file or folder; expected the files of {card.title}. {how(card)}"
            )
        return given, "own"
    if not folder_of(card).exists():
        raise DataError(f"{card.title} is not on this machine. {how(card)}")
    return check(card), "benchmark"


def how(card: Card) -> str:
    """How to get a data set, in a sentence or two."""
    place = card.source.place if card.source else ""
    accept = f' --accept "{card.terms}"' if card.terms else ""
    return (
        f"Get it with `rlc fetch dataset {card.name}{accept}` ({card.licence}; {place}); on a machine that does not "
        f"reach it, bring its files here and run `rlc fetch dataset {card.name}{accept} --from FILE`"
    )


def fetch(
    card: Card,
    cache: Path | None = None,
    *,
    origin: Path | None = None,
    accepted: str = "",
    prepare: Prepare | None = None,
    url: str = "",
) -> Path:
    """Bring a data set at its pinned revision into the cache; what is there already is checked and kept.

    Few authors publish a checksum, so the digest of the files is recorded beside them on the first fetch (`NAME.json`),
    and every later fetch and load is held to it.

    Args:
        card: What to bring.
        cache: The cache folder; None for the usual one.
        origin: A folder, file or archive to take the files from, in place of the network.
        accepted: The terms that the user accepts, as the card writes them.
        prepare: Called on the fresh folder before it is kept; it raises DataError where this is not the data set.
        url: Another address of the archive of a git source.

    Raises:
        DataError: where the network, the archive or the disk refuses, or the files are not what was recorded.
        UsageError: where the terms are not accepted, or the set is made here.
    """
    _check_terms(card, accepted)
    target = folder_of(card, cache)
    if target.exists():
        return check(card, cache)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{card.name}-") as folder:
            fresh = Path(folder) / card.name
            fresh.mkdir()
            version = _take(card, origin, fresh) if origin else _bring(card, fresh, url)
            _unzip_all(fresh)
            if not any(path.is_file() for path in fresh.rglob("*")):
                raise DataError(
                    f"{origin or url or version}: holds no file of {card.title}. {_instead(card)}"
                )
            if prepare:
                prepare(fresh)
            _hold_to_record(card, cache, fresh, {**version, "accepted": accepted})
            if not target.exists():  # another process may have been faster
                fresh.rename(target)
    except OSError as error:
        raise DataError(
            f"{target}: {error}; free the disk, or set RLC_CACHE to a folder that takes it"
        ) from error
    return target


def check(card: Card, cache: Path | None = None) -> Path:
    """The folder of a fetched data set, if its files are still what came.

    Raises:
        DataError: where they are not, or nothing says what came.
    """
    target, record = folder_of(card, cache), _record_path(card, cache)
    if not record.is_file():
        raise DataError(
            f"{target}: was not fetched ({record.name} is not beside it), so nothing says what it should hold; "
            f"name it as --data-root, or move it away and run `rlc fetch dataset {card.name}`"
        )
    _compare(card, record, target)
    return target


def _check_terms(card: Card, accepted: str) -> None:
    if card.source is None:
        raise UsageError(f"{card.name} is made or comes with rlc: there is nothing to fetch")
    if card.terms and accepted.strip().casefold() != card.terms.casefold():
        raise UsageError(
            f"{card.title} comes under terms that you must accept: {card.licence}. Read them at {card.source.place}, "
            f'then add --accept "{card.terms}"'
        )


def _instead(card: Card) -> str:
    source = card.source
    if isinstance(source, Git):
        name = source.url.rpartition("/")[2]
        bring = (
            f"`git clone {source.url}` and `git -C {name} checkout {source.commit}`, bring the folder here"
        )
    else:
        bring = f"download its files from {source.place if source else ''}, bring them here"
    return (
        f"Instead, on a machine that reaches it, {bring} and run `rlc fetch dataset {card.name} --from path/to/it`, "
        "or name it: --data-root path/to/it"
    )


def _bring(card: Card, fresh: Path, url: str) -> dict[str, str]:
    """Bring the files over the network; what says which version came."""
    source = card.source
    if isinstance(source, Git):
        address = url or source.archive
        archive = fresh.with_name("archive.tar.gz")
        _download(card, address, archive)
        _unpack(card, archive, fresh)
        archive.unlink()
        return {"url": address, "revision": source.commit}
    if isinstance(source, Hub):
        return _from_hub(card, source, fresh)
    addresses = source.urls if isinstance(source, Files) else {}
    for name, address in addresses.items():
        _download(card, address, fresh / name)
    return {"url": ", ".join(addresses.values())}


def _from_hub(card: Card, source: Hub, fresh: Path) -> dict[str, str]:
    from huggingface_hub import HfApi, snapshot_download

    try:
        wanted = source.revision or HfApi().dataset_info(source.repository).sha or "main"
        snapshot_download(
            source.repository,
            repo_type="dataset",
            revision=wanted,
            allow_patterns=list(source.files),
            local_dir=fresh,
        )
    except Exception as error:
        raise DataError(
            f"{source.place}: cannot be fetched ({type(error).__name__}: {error}). {_instead(card)}"
        ) from error
    shutil.rmtree(fresh / ".cache", ignore_errors=True)  # the client's own notes
    return {"url": source.place, "revision": wanted}


def _download(card: Card, url: str, target: Path) -> None:
    import httpx

    try:
        with (
            httpx.stream("GET", url, follow_redirects=True, timeout=30) as response,
            target.open("wb") as sink,
        ):
            response.raise_for_status()
            for piece in response.iter_bytes():
                sink.write(piece)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DataError(
            f"{url}: cannot be fetched ({type(error).__name__}: {error}). {_instead(card)}"
        ) from error


def _take(card: Card, origin: Path, fresh: Path) -> dict[str, str]:
    """Take the files from where the user brought them."""
    origin = origin.expanduser()
    if origin.is_dir():
        kept = [path for path in sorted(origin.rglob("*")) if path.is_file() and not path.is_symlink()]
        for path in kept:
            name = path.relative_to(origin)
            if ".git" not in name.parts and _wanted(card, name.as_posix()):
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, fresh / name)
    elif not origin.is_file():
        raise DataError(f"--from {origin}: no such file or folder")
    elif origin.name.endswith((".tar.gz", ".tgz")):
        _unpack(card, origin, fresh)
    else:
        shutil.copyfile(origin, fresh / origin.name)
    return {"url": str(origin.resolve())}


def _wanted(card: Card, name: str) -> bool:
    if isinstance(card.source, Git):
        return name.startswith(card.source.keep)
    return not isinstance(card.source, Hub) or any(fnmatch(name, pattern) for pattern in card.source.files)


def _unpack(card: Card, archive: Path, root: Path) -> None:
    """Write the files that are wanted of a tar archive, all below one folder, each to its own place and nowhere else."""
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                _, *parts = PurePosixPath(member.name).parts or ("",)
                name = "/".join(parts)
                if not _wanted(card, name) or member.isdir() or not name:
                    continue
                source = tar.extractfile(member) if member.isfile() and ".." not in parts else None
                if source is None:
                    raise DataError(
                        f"the archive holds {member.name!r}, no plain file below it. {_instead(card)}"
                    )
                _write(source, root / name)
            while stream.read(1 << 20):  # to the end, where gzip's own checksum stands
                pass
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"the archive is damaged ({error}); fetch it again. {_instead(card)}") from error


def _unzip_all(root: Path) -> None:
    """Unpack the zip files that came, each beside itself, so that loaders read plain files."""
    for packed in sorted(root.rglob("*.zip")):
        try:
            with zipfile.ZipFile(packed) as archive:
                for name in _plain_names(packed, archive):
                    with archive.open(name) as source:
                        _write(source, packed.parent / name)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(f"{packed.name}: is damaged or no zip file ({error}); bring it again") from error
        packed.unlink()


def _plain_names(packed: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    for name in archive.namelist():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"{packed.name}: holds {name!r}, which leads out of its folder")
        if not name.endswith("/") and "__MACOSX" not in path.parts:
            yield name


def _write(source: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def _record_path(card: Card, cache: Path | None) -> Path:
    return folder_of(card, cache).with_suffix(".json")


def _hold_to_record(card: Card, cache: Path | None, fresh: Path, version: dict[str, str]) -> None:
    """Compare with what the first fetch brought, or record it if this is the first."""
    record = _record_path(card, cache)
    if record.exists():
        _compare(card, record, fresh)
    else:
        text = json.dumps({**version, "digest": _digest(fresh)}, indent=2)
        with written(record) as draft:
            draft.write_text(text + "\n", encoding="utf-8")


def _compare(card: Card, record: Path, folder: Path) -> None:
    try:
        expected = parse_json(record.read_text(encoding="utf-8"))["digest"]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{record}: is damaged; remove it and {folder}, and fetch again") from error
    got = _digest(folder)
    if got != expected:
        raise DataError(
            f"{folder}: its files have the digest {got}, but the first fetch brought {expected} ({record}). Move the "
            f"folder away and run `rlc fetch dataset {card.name}` again; remove the record too if you trust the new files"
        )


def _digest(folder: Path) -> str:
    return digest(folder, (path for path in folder.rglob("*") if path.is_file()))
