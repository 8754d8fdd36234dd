"""What a row is made of, in a number: while that is the same, the row stands as it is."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from rlc.data.records import Example
from rlc.experiments.runs.provenance import versions
from rlc.experiments.scorers.measured import RULE, SCORERS

LIBRARIES = ("jieba", "nltk", "numpy", "PyStemmer", "rapidfuzz", "regex", "rouge", "rouge-score", "scipy")
ASKED = [one.name for one in fields(Example) if one.name != "document"]  # its text belongs to the seal


@cache
def code() -> str:
    """The fingerprint of all that a row depends on beside question and answer: this package, libraries and Python."""
    around = [versions(LIBRARIES), platform.python_version()]
    found = hashlib.blake2b(json.dumps(around).encode(), digest_size=16)
    for shelf in ("rlc.data", "rlc.pipeline", "rlc.experiments"):
        folder = Path(str(import_module(shelf).__file__)).parent
        for file in sorted(folder.rglob("*")):
            if file.suffix in {".py", ".json", ".toml"}:
                found.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return found.hexdigest()


@cache
def _ours() -> frozenset[str]:
    return frozenset([RULE, *(name for name, target in SCORERS.items() if target.startswith("rlc."))])


def made_of(reader: str, example: Example, measure: str, seal: str | None) -> int | None:
    """A digest of all that makes a row: the question with its gold answers, the answer by its seal, this code.

    None where the row cannot be known by it: the answer is not stored, the measure is of a package of somebody's own, or
    what stands beside question and document is no plain data.
    """
    if not seal or measure not in _ours():
        return None
    asked = [getattr(example, name) for name in ASKED]
    try:
        told = _ENCODER.encode([code(), reader, measure, seal, example.document.metadata, asked])
    except (TypeError, ValueError):
        return None
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest(), signed=True)


def _plain(value: object) -> object:
    if is_dataclass(value):
        return vars(value)
    return dict(value) if isinstance(value, Mapping) else str(value)


_ENCODER = json.JSONEncoder(default=_plain)
