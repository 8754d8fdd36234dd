"""Yes and no: how an answer says them, and where a sentence denies what it names."""

import re
from collections.abc import Collection, Sequence

import regex

from rlc.data.text.plain import stem

_YES = """
    yes true correct right indeed yeah yep y affirmative absolutely certainly definitely sure ja oui si sim da да はい 是 是的 对 對 evet tak نعم हाँ हां 예 네 có כן ใช่ ya evet
"""
_NO = """
    no false incorrect untrue wrong nope n never nein non não nao nee nie нет いいえ 否 不 不是 hayır hayir لا नहीं 아니요 아니오 không לא ไม่ใช่ tidak
"""
_TRUTH = re.compile(
    r"\W*(?:(?:the )?answer(?: is|:)\s+|(?:it|that|this)(?: is|'s| was)\s+|(?:the )?statement is\s+)?(?P<not>not\s+|n't\s+)?"
    rf"(?P<word>{'|'.join(sorted([*_YES.split(), *_NO.split()], key=len, reverse=True))})"
    r"(?=\s*(?:$|[,.;:!。、]|-\s))"
)
_DENIAL = re.compile(r"\b(?:no|not|never|none|neither|nor|nothing|nobody)\b|n't\b", re.IGNORECASE)


def _stems(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


# In folded text without marks, as words and phrases; where a language denies by other than a word of its own.
_PHRASES = regex.compile(
    r"\bno(?=\s(?:es|era|fue|son|eran|fueron|ha|han|lo|la|se|esta|estaba|hay)\b)|\bnon(?!-|\w)|\bkhong(?:\sphai)?\b|\bdegil\b"
    r"|\b(?:hardly|scarcely)\b|\b(?:any|every)(?:one|body|thing)\sbut\b|\b(?:false|untrue|wrong|incorrect)\sthat\b"
)
_PHRASES_BEYOND_ASCII = regex.compile(
    r"[并並]?不是|[并並]非|[没沒]有|从未|從未|未曾|では(?:ありません|ございません|ない|なかった)|じゃない|ませんでした|なかった|ません"
    r"|아닙니다|아니다|아니에요|아니었다|않았다|않습니다|않는다|않다|ไม่ใช่|ไม่ได้|\b(?:ليس|ليست|لم|لن)\b|\b(?:לא|אינו|אינה|איננו)\b"
    r"|(?<!\w)(?:नहीं|नही)(?!\w)"
)
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
    return _DENIAL.search(sentence) is not None or with_denials(sentence) is not sentence


def with_denials(text: str) -> str:
    """A folded text with other languages' denials, and phrases that deny, as "not"; itself where it has none.

    >>> with_denials("it was hardly ada"), with_denials("不是艾达")
    ('it was  not  ada', ' not 艾达')
    """
    changed = str(_PHRASES.sub(" not ", text))
    if not text.isascii():
        changed = str(_PHRASES_BEYOND_ASCII.sub(" not ", changed))
    return changed if changed != text else text


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
