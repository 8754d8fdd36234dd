"""Yes and no: how an answer says them, and where a sentence denies what it names."""

import re
from collections.abc import Collection, Sequence

from rlc.data.text.plain import stem

_YES = """
    yes true correct right indeed yeah yep ja oui si sim da да はい 是 是的 对 對 evet tak نعم हाँ हां
"""
_NO = """
    no false incorrect untrue wrong nope nein non não nao nee nie нет いいえ 否 不 不是 hayır hayir لا नहीं
"""
_TRUTH = re.compile(
    r"\W*(?:(?:the )?answer(?: is|:)\s+|(?:it|that|this)(?: is|'s| was)\s+|(?:the )?statement is\s+)?(?P<not>not\s+|n't\s+)?"
    rf"(?P<word>{'|'.join(sorted([*_YES.split(), *_NO.split()], key=len, reverse=True))})"
    r"(?=\s*(?:$|[,.;:!。、]|-\s))"
)
_DENIAL = re.compile(r"\b(?:no|not|never|none|neither|nor|nothing|nobody)\b|n't\b", re.IGNORECASE)


def _stems(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


_NEGATORS = _stems(
    "not never cannot neither nor isn't wasn't nicht nie kein keine pas jamais nunca não nao не ні niet geen"
)
DENIALS = _NEGATORS | {"no", "none"}
_SOFTENED = _stems("only just merely until least necessarily simply solely")  # "not only", "not until"
_BORDERS = _stems(", ; : ( ) but and while although though whereas who which because as since unless if when")


def truth(folded: str) -> bool | None:
    """True where an answer begins with yes or says that it is true, False for no, None where it says neither.

    >>> truth("yes, it was moved"), truth("it is not true."), truth("no dogs were there")
    (True, False, None)
    """
    match = _TRUTH.match(folded)
    return None if match is None else (match["word"] in _YES.split()) is (match["not"] is None)


def is_denial(sentence: str) -> bool:
    """Whether a sentence holds a word of denial."""
    return _DENIAL.search(sentence) is not None


def denies(words: Sequence[str], content: Collection[str], reach: int | None = None) -> bool:
    """Whether a sentence, its stems and marks in order, denies the content that it names.

    It does where "not" or "never" stands in the clause that the content begins or ends in: "It was not built by Ada"
    and "Ada did not build it" deny Ada, "Ada built it, not Ben" denies Ben. With a `reach`, only so many words
    before the content are looked at.
    """
    hits = [i for i, word in enumerate(words) if word in content]
    if not hits:
        return False
    first, last = hits[0], hits[-1]
    begin, end = first, last
    while begin and words[begin - 1] not in _BORDERS:
        begin -= 1
    while end + 1 < len(words) and words[end + 1] not in _BORDERS:
        end += 1
    if reach is not None:
        return _negates(words[max(begin, first - reach) : first + 1])
    inside = words[first:last]
    return (
        _negates(words[begin : first + 1])
        or _negates(words[last + 1 : end + 1])
        or (_BORDERS.isdisjoint(inside) and _negates(inside))
    )


def _negates(words: Sequence[str]) -> bool:
    return any(
        (word in _NEGATORS or word.endswith("n't")) and (i + 1 == len(words) or words[i + 1] not in _SOFTENED)
        for i, word in enumerate(words)
    )
