"""What a run's results say already: an answer that the same code has scored is not scored again."""

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

import polars as pl

from rlc.data.errors import DataError
from rlc.data.records import Answer, Example
from rlc.experiments.runs.provenance import versions
from rlc.experiments.runs.results import read_results
from rlc.experiments.scorers.base import Score
from rlc.experiments.scorers.measured import RULE, SCORERS

SCORED_BY = "scored_by"  # an entry of the results file's own metadata
LIBRARIES = ("jieba", "nltk", "numpy", "PyStemmer", "rapidfuzz", "regex", "rouge", "rouge-score", "scipy")
ASKED = ("example_id", "question", "answers", "prediction")
SCORE = ("correct", "reason", "f1", "contains", "abstained", "measure", "value", "parts", "note")


@cache
def scoring_code() -> str:
    """The fingerprint of all that a score depends on beside the answer: this package, libraries and Python."""
    around = [versions(LIBRARIES), platform.python_version()]
    found = hashlib.blake2b(json.dumps(around).encode(), digest_size=16)
    for shelf in ("rlc.data", "rlc.pipeline", "rlc.experiments"):
        folder = Path(str(import_module(shelf).__file__)).parent
        for file in sorted(folder.rglob("*")):
            if file.suffix in {".py", ".json", ".toml"}:
                found.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return found.hexdigest()


class ScoredBefore:
    """The scores of a run's results by answer, empty where other code wrote them; only keys are held apart.

    Scores of measures that other packages bring are left out: their code is not this package's.
    """

    def __init__(self, results: Path) -> None:
        self._places: dict[bytes, int] = {}
        try:
            if pl.read_parquet_metadata(results).get(SCORED_BY) != scoring_code():
                return
            ours = [RULE, *(name for name, target in SCORERS.items() if target.startswith("rlc."))]
            wanted = pl.col("error").is_null() & pl.col("measure").is_in(ours)
            table = read_results(results, wanted, columns=[*ASKED, *SCORE])
        except (OSError, DataError, pl.exceptions.PolarsError):  # it is written anew, whole
            return
        self._scores = table.select(SCORE)
        for place, asked in enumerate(table.select(ASKED).iter_rows()):
            self._places[_key(*asked)] = place

    def __call__(self, example: Example, answer: Answer) -> Score | None:
        """The score of this answer to this question, if it is known."""
        if not self._places:
            return None
        place = self._places.get(_key(example.id, example.question, example.answers, answer.text))
        if place is None:
            return None
        known: Mapping[str, object] = self._scores.row(place, named=True)
        return Score(**{**known, "parts": json.loads(str(known["parts"]))})


def _key(*asked: object) -> bytes:
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=16).digest()
