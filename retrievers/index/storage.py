"""Indexes on disk: written whole or not at all, opened by memory map, refused where they do not fit."""

import hashlib
import json
import mmap
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from langchain_core.documents import Document
from numpy.typing import NDArray

from rlc.data.errors import DataError, StoreError
from rlc.data.plain import parse_json
from rlc.data.written import written
from rlc.retrievers.index.collection import Collection

MANIFEST = "index.json"
FORMAT = 2  # whole files have digests, and so has the manifest


class IndexWriter:
    """Writes the files of an index into a folder; the index appears, or replaces the old one, at `commit`.

    Files get new names, and the manifest that lists them is replaced in one step: a reader finds the old index or
    the new one, and of two writers the later wins, whole.

    Raises:
        StoreError: if the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._token = secrets.token_hex(6)
        self._files: dict[str, dict[str, object]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot make the folder {folder} for an index: {error}; name another"
            ) from error

    def path(self, name: str) -> Path:
        """Where to write the file `name`; call `add` once it is written."""
        stem, _, ending = name.partition(".")
        return self.folder / f"{stem}-{self._token}.{ending}"

    def add(self, name: str) -> None:
        """List a written file in the manifest, with its size and digest."""
        path = self.path(name)
        self._files[name] = {"name": path.name, "bytes": path.stat().st_size, "digest": digest(path)}

    def array(self, name: str, values: NDArray[Any]) -> None:
        np.save(self.path(f"{name}.npy"), values, allow_pickle=False)
        self.add(f"{name}.npy")

    def text(self, name: str, text: str) -> None:
        self.path(name).write_text(text, encoding="utf-8")
        self.add(name)

    def collection(self, collection: Collection) -> None:
        """Write documents, their order, and where each begins.

        Raises:
            DataError: if a document's metadata is not plain data.
        """
        begins = [0]
        with self.path("documents.jsonl").open("wb") as file:
            for document in collection.documents:
                begins.append(begins[-1] + file.write(encode(document)))
        self.add("documents.jsonl")
        self.array("begins", np.array(begins, dtype=np.int64))
        self.array("ties", collection.ties)

    def commit(self, kind: str, settings: Mapping[str, object]) -> None:
        """Make what was written the folder's index, and remove the files of the one before."""
        before = old_files(self.folder)
        manifest = {"format": FORMAT, "kind": kind, "settings": settings, "files": self._files}
        manifest["digest"] = manifest_digest(manifest)
        with written(self.folder / MANIFEST) as draft:
            draft.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for name in before:
            (self.folder / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class IndexReader:
    """A stored index whose files are all there and as they were written."""

    folder: Path
    settings: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]

    @classmethod
    def open(cls, folder: Path, kind: str) -> "IndexReader":
        """Read the manifest and check every file.

        Raises:
            StoreError: if there is no index of this kind, or a file is missing, truncated or changed.
        """
        try:
            manifest = parse_json((folder / MANIFEST).read_text(encoding="utf-8"))
            found, version = manifest["kind"], manifest["format"]
            noted = manifest.pop("digest", None)
            reader = cls(folder, manifest["settings"], manifest["files"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"no readable index in {folder}: {error}; build it, and save it there"
            ) from error
        if (found, version) != (kind, FORMAT):
            raise StoreError(
                f"{folder} holds a {found!r} index of format {version}, expected {kind!r} of format {FORMAT}: "
                "open it with the class that saved it, or build it again"
            )
        if noted != manifest_digest(manifest):
            raise StoreError(f"{folder / MANIFEST} is not as it was written: build and save the index again")
        for name, expected in reader.files.items():
            reader._check(name, expected)
        return reader

    def _check(self, name: str, expected: Mapping[str, Any]) -> None:
        path = self.path(name)
        size = path.stat().st_size if path.is_file() else None
        if size != expected["bytes"] or digest(path) != expected["digest"]:
            what = "missing" if size is None else f"damaged ({size} bytes, {expected['bytes']} were written)"
            raise StoreError(f"{path} is {what}: build and save the index again")

    def path(self, name: str) -> Path:
        """Where the file lies.

        Raises:
            StoreError: if the index has no such file.
        """
        if name not in self.files:
            raise StoreError(f"the index in {self.folder} has no {name}: build and save it again")
        return self.folder / str(self.files[name]["name"])

    def array(self, name: str) -> NDArray[Any]:
        """The array, memory-mapped and read-only."""
        found: NDArray[Any] = np.load(self.path(f"{name}.npy"), mmap_mode="r", allow_pickle=False)
        # The same memory as a plain array: every slice of a memmap is a memmap again, which costs more than the slice.
        return found.view(np.ndarray)

    def text(self, name: str) -> str:
        return self.path(name).read_text(encoding="utf-8")

    def collection(self) -> Collection:
        """The documents, each parsed when it is asked for."""
        return Collection(
            StoredDocuments(self.path("documents.jsonl"), self.array("begins")), self.array("ties")
        )


class StoredDocuments(Sequence[Document]):
    """Documents in a file of JSON lines, found by the places where the lines begin."""

    def __init__(self, file: Path, begins: NDArray[np.int64]) -> None:
        self._begins = begins
        with file.open("rb") as opened:
            self._lines = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._begins) - 1

    @overload
    def __getitem__(self, row: int) -> Document: ...
    @overload
    def __getitem__(self, row: slice) -> list[Document]: ...
    def __getitem__(self, row: int | slice) -> Document | list[Document]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} documents")
        row %= len(self)
        return Document(**parse_json(self._lines[self._begins[row] : self._begins[row + 1]]))

    def __iter__(self) -> Iterator[Document]:
        return (self[i] for i in range(len(self)))


def encode(document: Document) -> bytes:
    """One line of JSON; the vector is left out, since the index holds it.

    Raises:
        DataError: if the metadata is not plain data.
    """
    metadata = {key: value for key, value in document.metadata.items() if key != "embedding"}
    try:
        line = json.dumps({"id": document.id, "page_content": document.page_content, "metadata": metadata})
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the metadata of {document.id!r} cannot be stored: {error}; keep to strings, numbers, lists and dicts"
        ) from error
    return f"{line}\n".encode()


def digest(path: Path) -> str:
    """A digest of the whole file: a gigabyte takes about a second, once when an index is opened."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def manifest_digest(manifest: Mapping[str, object]) -> str:
    """A digest of what the manifest says of the index, its settings and files among it."""
    return hashlib.blake2b(json.dumps(manifest, sort_keys=True).encode(), digest_size=16).hexdigest()


def old_files(folder: Path) -> list[str]:
    """The files of the index that is there, if there is one that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        manifest = parse_json((folder / MANIFEST).read_text(encoding="utf-8"))
        return [str(file["name"]) for file in manifest["files"].values()]
    return []
