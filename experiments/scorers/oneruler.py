"""ONERULER's rules (mungg/OneRuler@7df5ce7, OneRuler/eval/evaluate.py), for the languages that are asked in here.

Numbers of several digits are compared as a set, after NFKC, so that full-width digits count; an answer that says none fails where there
are numbers, and none must be said where there are not.
"""

import re
import unicodedata

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured

NONE = {"en": ("none",), "de": ("keine vorhanden", "keine"), "zh": ("无",)}
_NUMBER = re.compile(r"\d{2,}")


def compare_numbers(prediction: str, example: Example) -> Measured:
    """Whether the numbers of the answer are the gold ones, all and no others, and none is not said."""
    said = _plain(prediction)
    numbers = set(_NUMBER.findall(said))
    return Measured(float(numbers == set(example.answers) and not _says_none(said, example)))


def compare_none(prediction: str, example: Example) -> Measured:
    """Whether the answer says that there is none."""
    return Measured(float(_says_none(_plain(prediction), example)))


def all_words(prediction: str, example: Example) -> Measured:
    """Whether every gold word stands in the answer; the common words of a list."""
    said = _plain(prediction)
    return Measured(
        float(bool(example.answers) and all(_plain(answer) in said for answer in example.answers))
    )


def _says_none(said: str, example: Example) -> bool:
    language = str(example.metadata.get("lang", "en"))
    return any(word in said for word in NONE.get(language, NONE["en"]))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()
