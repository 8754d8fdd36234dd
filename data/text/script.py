"""Which scripts a text is written in, and whether it may be English."""

from collections import Counter

import regex

from rlc.data.text.stop_words import STOP_WORDS

_SAMPLE = 4000  # characters from each of three places
_SCRIPTS = (
    *(
        "Latin",
        "Han",
        "Hiragana",
        "Katakana",
        "Hangul",
        "Cyrillic",
        "Arabic",
        "Devanagari",
        "Thai",
        "Greek",
        "Hebrew",
    ),
    *("Bengali", "Tamil", "Telugu", "Georgian", "Armenian", "Khmer", "Lao", "Myanmar", "Ethiopic"),
)
_LETTER = regex.compile(
    "|".join(rf"(?P<{name}>\p{{Script={name}}}+)" for name in _SCRIPTS) + r"|(?P<Other>\p{L}+)"
)
_WORD = regex.compile(r"\p{L}+")
# Names (a paper's references and tables are full of them), abbreviations and a formula's letters are no language's.
_SMALL_WORD = regex.compile(r"\b\p{Ll}{2,}\b")
_FEW = 20  # words from which no share is taken
# English prose has about 0.45, LaRA's texts at least 0.26, German and French below 0.1.
_LEAST_FUNCTION_WORDS = 0.2


def scripts(text: str) -> dict[str, float]:
    """The share of the letters by script, the largest first, from the beginning, middle and end of a text.

    >>> scripts("灯塔")
    {'Han': 1.0}
    """
    counts: Counter[str] = Counter()
    for match in _LETTER.finditer(_sample(text)):
        counts[match.lastgroup] += len(match[0])
    total = counts.total()
    return {name: count / total for name, count in counts.most_common()}


def looks_english(text: str) -> bool:
    """Whether a text is mostly in Latin letters and has as many function words as English has; also without letters.

    Counted are words in small letters, or all where there are hardly any.
    """
    sample = _sample(text)
    words = _SMALL_WORD.findall(sample)
    if len(words) < _FEW:
        words = _WORD.findall(sample.lower())
    if not words:
        return True
    function = sum(word in STOP_WORDS for word in words) / len(words)
    return scripts(text).get("Latin", 0.0) > 0.5 and (function >= _LEAST_FUNCTION_WORDS or len(words) < _FEW)


def _sample(text: str) -> str:
    if len(text) <= 3 * _SAMPLE:
        return text
    middle = len(text) // 2
    return f"{text[:_SAMPLE]} {text[middle : middle + _SAMPLE]} {text[-_SAMPLE:]}"
