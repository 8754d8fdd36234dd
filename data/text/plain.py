"""Text made comparable: marks off, sentences, words, stems."""

import re
from functools import lru_cache

import regex

from rlc.data.text.cut import UNSPACED, grams, space_out
from rlc.data.text.fold import compose

_LATEX_WORD = re.compile(r"\\(?:text|mathrm|mathbf|mathit|mathcal|textbf|textit|operatorname)\s*\{([^{}]*)\}")
_LATEX_FRACTION = re.compile(r"\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_LATEX_PUNCTUATION = re.compile(r"\\([%$#&_{}])")
_LATEX_MARK = re.compile(r"\\[()\[\]]|\\(?:left|right|quad|,|;|!)|\$\$")
_MARKDOWN = re.compile(r"[*`~]+|(?m:^[^\S\n]*#+\s)|(?m:^[^\S\n]*>\s)|(?<!\w)_+|(?<!_)_++(?!\w)")
_FRACTION = regex.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")  # NFKC would make 51/2 of 5½, and 105 of 10⁵
_POWER = regex.compile(r"(?<=\d)(?=[⁰¹²³⁴-⁹⁻])(?<![⁰¹²³⁴-⁹⁻])")
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": " - ", "−": "-", "‐": "-", "‑": "-", "×": "x"}
)
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Ms|Dr|St|vs|No|Co)\.)(?<!\b(?:Mrs|Inc|Ltd|Fig|e\.g|i\.e)\.)(?<!\bCorp\.)"
    r"[\"')\]]*\s+|\n+|(?<=;)\s|(?<=[。।؟۔])\s*|(?<=[!?])(?=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff])"
)
_WORD = regex.compile(r"[^\W_]+(?:'[^\W_]+)?")
_INNER_DOT = regex.compile(rf"(?<=[{UNSPACED}])[·・‧](?=[{UNSPACED}])")  # between the names of a person
_SUFFIX = re.compile(
    r"(?<=...)(?:ization|ational|fulness|iveness|ousness|ations?|ments?|ness|ities|ingly|edly|ings?|ions?|ers?"
    r"|ity|ies|ied|ive|ous|ful|als?|ors?|ed|es|ly|ys|s|e|y)$"
)


def plain(text: str) -> str:
    r"""NFKC with straight quotes and dashes, and without the marks of Markdown and LaTeX; case is kept.

    >>> plain("**Net loss** was \\(\\text{up}\\) 5\\%")
    'Net loss was up 5%'
    """
    if not text.isascii():
        text = _INNER_DOT.sub("", compose(_POWER.sub("^", _FRACTION.sub(" ", text)))).translate(_PLAIN)
    if "\\" in text or "$$" in text:
        text = _LATEX_WORD.sub(r"\1", text)
        text = _LATEX_FRACTION.sub(r"\1/\2", text)
        text = _LATEX_PUNCTUATION.sub(r"\1", text)
        text = _LATEX_MARK.sub("", text)
    return _MARKDOWN.sub("", text)


def sentences(text: str) -> list[str]:
    """The sentences, clauses after a semicolon and lines of a text, in order, blank ones left out."""
    return [part for part in _SENTENCE_END.split(text) if part and not part.isspace()]


def words(text: str) -> list[str]:
    """The words of a folded text in order, with inner apostrophes, without possessive endings; unspaced ones as `grams`."""
    if text.isascii():
        return [word.removesuffix("'s") for word in _WORD.findall(text)]
    return [gram for word in _WORD.findall(space_out(text)) for gram in grams(word.removesuffix("'s"))]


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Cut one common English suffix, leaving at least three letters.

    Cruder than Porter's algorithm and sufficient to meet `increase`, `increased` and `increasing` in one stem.

    >>> [stem(word) for word in ("increase", "increased", "increasing", "debts", "is")]
    ['increas', 'increas', 'increas', 'debt', 'is']
    """
    return _SUFFIX.sub("", word)
