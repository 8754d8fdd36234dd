"""ONERULER's rules (mungg/OneRuler@7df5ce7, OneRuler/eval/evaluate.py), in all its languages.

Numbers of several digits are compared as a set, after NFKC, so that full-width digits count; an answer that says none fails where there
are numbers, and none must be said where there are not.
"""

import re
import unicodedata

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured

# How one says "none" in upstream's languages (MIT).
NONE = {
    "cs": ("žádné", "žádná"), "da": ("ingen",), "de": ("keine vorhanden",), "en": ("none",), "es": ("ninguno",), "fa": ("هیچ کدام",),
    "fi": ("ei mikään",), "fr": ("aucun",), "hi": ("कोई नहीं",), "hu": ("nincs",), "it": ("nessuno",), "ja": ("なし", "数字はありません"),
    "ko": ("없음",), "nl": ("geen",), "no": ("ingen",), "pl": ("brak",), "pt": ("nenhum",), "ru": ("нет",), "sr": ("nema",),
    "st": ("ha ho letho",), "sv": ("inga",), "sw": ("hakuna",), "ta": ("ஏதுமில்லை",), "uk": ("немає", "нема"), "vi": ("không có",),
    "zh": ("无",),
}  # fmt: skip
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
    words = NONE.get(str(example.metadata.get("lang", "en")), NONE["en"])
    closed = said.replace("\u200c", "").replace(" ", "")
    return any(word in said or _plain(word).replace(" ", "") in closed for word in words)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()
