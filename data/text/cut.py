"""Words cut from a text in any script, without a dictionary."""

from itertools import pairwise

import regex

from rlc.data.text.fold import beyond_ascii

UNSPACED = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー\p{Script=Hangul}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}"
)
"""The inside of a character class: scripts whose words have no space between them, or whose endings have none."""

_UNSPACED = regex.compile(f"[{UNSPACED}]")
_RUN = regex.compile(rf"[{UNSPACED}][{UNSPACED}\p{{M}}]*")
_LETTER = regex.compile(r".\p{M}*", regex.DOTALL)
_WORD = regex.compile(r"\w+")


def is_unspaced(text: str) -> bool:
    """Whether a letter of such a script stands in the text."""
    return not text.isascii() and _UNSPACED.search(beyond_ascii(text)) is not None


def space_out(text: str) -> str:
    """The text with spaces around every run of such letters, so that digits and other words end there.

    >>> space_out("建于1871年")
    ' 建于 1871 年 '
    """
    return _RUN.sub(r" \g<0> ", text) if is_unspaced(text) else text


def letters(word: str) -> list[str]:
    """The letters of a word, each with its marks."""
    return _LETTER.findall(word) if not word.isascii() else list(word)


def grams(word: str) -> list[str]:
    """The pairs of neighbouring letters of an unspaced word; a letter alone, and any other word, as it is.

    Source: what Lucene's CJKBigramFilter makes of Chinese, Japanese and Korean, here of more scripts.

    >>> grams("灯塔由"), grams("茶"), grams("lamp")
    (['灯塔', '塔由'], ['茶'], ['lamp'])
    """
    if not is_unspaced(word):
        return [word]
    units = letters(word)
    return ["".join(pair) for pair in pairwise(units)] if len(units) > 1 else units


def count_words(text: str) -> int:
    """Count the words of a text: what stands between spaces, and of a script without spaces two letters a word.

    >>> count_words("the lamp, 1871"), count_words("灯塔建于1871年。")
    (3, 4)
    """
    if not is_unspaced(text):
        return len(text.split())
    words = _WORD.findall(space_out(text))
    return sum(-(-len(letters(word)) // 2) if is_unspaced(word) else 1 for word in words)


def cut_words(text: str) -> list[str]:
    """The words of a text in order, marks kept with their letters; unspaced runs as `grams`."""
    return [gram for word in _WORD.findall(space_out(text)) for gram in grams(word)]
