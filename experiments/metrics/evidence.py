"""When does a text hold the evidence for an answer? A rule, so every figure built on it is called silver.

LaRA marks no gold passages. An answer that is a number or a few words, though, is mostly found by finding it.
Chance is high (common names, round numbers): show random chunks, the first chunks and the whole document beside
any recall, and the share of tokens read.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import regex

from rlc.data.records import Example, by_document
from rlc.data.text.cut import UNSPACED, is_unspaced, space_out
from rlc.data.text.fold import fold

Origin = Callable[[int, bool], int]
"""From a place in a folded text, a start or an end, to that in the text itself."""
LONGEST_NUMERIC_ANSWER = 120  # characters; beyond it the numbers are details of a longer answer
NUMBERS = 3
WORDS = 5
LETTERS = 4  # of a script without spaces that are taken for a word

_OTHER = regex.compile(r"[^\w.%\s]+|\.(?!\d)")  # but for white space, at which texts are split anyhow
_BETWEEN = r"(?:[^\w.%]|\.(?!\d))"  # what stands between the words of a normalised text
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MARK = regex.compile(  # what folding may join to the letter before it, or leave out behind it
    r"[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\uff9e\uff9f]"
)
_LEAD = re.compile(r"^(?:it was|it is|the|an|a) ")
_UNSPACED_LETTER = regex.compile(rf"[{UNSPACED}]\p{{M}}*")
_BREAK = regex.compile(rf"(?<=[{UNSPACED}]\p{{M}}*) (?=[[{UNSPACED}]--\p{{M}}])", regex.V1)


def normalise(text: str) -> str:
    r"""Folded, commas out; all but word characters, decimal points and % to single spaces.

    Letters of scripts without spaces stand close to each other and apart from all else.

    >>> normalise("Net loss: $1,234.50 (5%)"), normalise("建于1871年，\n在 港口")
    ('net loss 1234.50 5%', '建于 1871 年在港口')
    """
    text = " ".join(_OTHER.sub(" ", space_out(_folded(text))).split())
    return _BREAK.sub("", text) if is_unspaced(text) else text


def gold_strings(answer: str) -> tuple[str, ...]:
    """The strings that a text must hold to hold the answer; empty where the rule has nothing to say.

    In an answer of at most 120 characters, its first three numbers of three digits or more (bare years do not
    count). Without such numbers, the whole answer less a leading article, "it was" or "it is", if that leaves one
    to five words and three characters or more (two of a script without spaces, of which four stand for a word).

    >>> gold_strings("$2,576,340 as of 2024."), gold_strings("The golden cap."), gold_strings("李白。")
    (('2576340',), ('golden cap',), ('李白',))
    """
    text = normalise(answer)
    if len(answer) <= LONGEST_NUMERIC_ANSWER:
        found = [number for number in _NUMBER.findall(text) if sum(map(str.isdigit, number)) >= 3]
        large = [number for number in found if not _YEAR.fullmatch(number)]
        if large:
            return tuple(large[:NUMBERS])
    phrase = _LEAD.sub("", text)
    letters = len(_UNSPACED_LETTER.findall(phrase)) if is_unspaced(phrase) else 0
    words = len(_UNSPACED_LETTER.sub("", phrase).split()) + letters / LETTERS
    return (phrase,) if 0 < words <= WORDS and len(phrase) >= (2 if letters else 3) else ()


def holds(text: str, gold: Iterable[str]) -> bool:
    """Whether a text holds every gold string as whole words; a number touches no further digits or decimals."""
    return _holds(normalise(text), gold)


def _holds(normalised: str, gold: Iterable[str]) -> bool:
    return all(one in normalised and _pattern(one).search(normalised) for one in gold)


def places(text: str, gold: Iterable[str]) -> list[tuple[int, int]]:
    """Where the gold strings stand in a text: half-open character spans, ascending, each found as `holds` finds it.

    Of a letter with its marks that folding rewrites, the span is that of the whole letter.

    >>> places("Paid: $2,576,340. In 2,576 ways.", ["2576340"])
    [(7, 16)]
    """
    return _found(*_traced(text), gold)


def _found(plain: str, origin: Origin, gold: Iterable[str]) -> list[tuple[int, int]]:
    found = (match for one in gold for match in _pattern(one).finditer(plain))
    return sorted({(origin(match.start(), False), origin(match.end(), True)) for match in found})


@lru_cache(maxsize=1024)
def _pattern(gold: str) -> Any:  # noqa: ANN401  the library regex has no types
    """The gold string as whole words in a text that is folded, normalised or not.

    A letter of a script without spaces is the border of any word, and what stands between two such is passed over.
    """
    parts = [
        part for word in gold.split(" ") for part in (_UNSPACED_LETTER.findall(word) or [word])
    ]  # words, and letters where they are borders
    unspaced = [_UNSPACED_LETTER.match(part) is not None for part in parts]
    pattern = regex.escape(parts[0])
    for (before, behind), part in zip(pairwise(unspaced), parts[1:], strict=True):
        pattern += f"{_BETWEEN}{'*' if before or behind else '+'}{regex.escape(part)}"
    # A mark belongs to the letter before it, which may be one that is a border.
    begin = "" if unspaced[0] else rf"(?<![\w--[{UNSPACED}]--\p{{M}}][\p{{M}}--[{UNSPACED}]]*)"
    if gold[:1].isdigit():  # elsewhere a point between is a space
        begin += r"(?<![0-9]\.)"
    end = "" if unspaced[-1] else rf"(?![\w--[{UNSPACED}]])(?!\.\d)"
    return regex.compile(begin + pattern + end, regex.V1)


@lru_cache(maxsize=2)  # questions come document by document
def _traced(text: str) -> tuple[str, Origin]:
    """The text folded without commas, and the way from a place in it, start or end, to the text's."""
    pieces: list[str] = []
    new, old = (
        [0],
        [0],
    )  # borders here and in the text: of what stayed as long as it was, of what did not, ...
    for letter in _changing(text).finditer(text):
        changed = _rewritten(letter[0])
        if changed is None:
            continue
        before = text[old[-1] : letter.start()].lower()
        pieces += [before, changed]
        new += [new[-1] + len(before), new[-1] + len(before) + len(changed)]
        old += [letter.start(), letter.end()]
    pieces.append(text[old[-1] :].lower())

    def origin(place: int, is_end: bool) -> int:
        i = bisect_right(new, place - is_end) - 1
        return old[i + is_end] if i % 2 else old[i] + place - new[i]

    return "".join(pieces), origin


def _changing(text: str) -> re.Pattern[str]:
    """What folding and leaving out commas may change in a text: commas, letters with their marks, letters that it rewrites.

    It is made for the letters that the text has, which are few: a class of characters is found fast.
    """
    foreign = sorted(letter for letter in set(text) if not letter.isascii())
    marks = "".join(map(re.escape, filter(_MARK.match, foreign)))
    alone = "".join(re.escape(one) for one in foreign if _MARK.match(one) or _rewritten(one) is not None)
    kinds = [",+", f"[^,][{marks}]+" if marks else "", f"[{alone}]" if alone else ""]
    return re.compile("|".join(filter(None, kinds)))


@lru_cache(maxsize=4096)  # a book has thousands of quotation marks, and few kinds of them
def _rewritten(piece: str) -> str | None:
    """What folding makes of a piece of text; None where that is its small letters, one for one."""
    folded = _folded(piece)
    return None if folded == piece.lower() and len(folded) == len(piece) else folded


def _folded(text: str) -> str:
    return fold(text).replace(",", "")


def first_rank(ranked: Sequence[str], gold: Sequence[str]) -> int | None:
    """How many of the ranked texts it takes, from the first, to hold the gold together; None if all do not.

    Raises:
        ValueError: if there are no gold strings: the rule leaves such a question out.
    """
    if not gold:
        raise ValueError("expected gold strings, got none; leave the question out")
    missing = set(gold)
    for rank, text in enumerate(map(normalise, ranked), start=1):
        missing = {g for g in missing if not _holds(text, (g,))}
        if not missing:
            return rank
    return None


def recall_at(ranks: Sequence[int | None], k: int) -> float:
    """recall@k: the share of the first ranks that are at most k; `first_rank` says what a first rank is.

    Raises:
        ValueError: if there are no ranks, or k is less than 1.
    """
    if not ranks or k < 1:
        raise ValueError(f"expected first ranks and k of at least 1, got {len(ranks)} ranks and k={k}")
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks)


def silver(examples: Iterable[Example]) -> dict[str, tuple[str, ...]]:
    """The gold strings of the examples that the rule can decide, by example id.

    Left out: unanswerable questions, answers that give no gold strings, and answers that their own document does
    not hold. Say how many remain.
    """
    return {name: gold for name, (gold, _) in silver_places(examples).items()}


def silver_places(
    examples: Iterable[Example],
) -> dict[str, tuple[tuple[str, ...], list[tuple[int, int]]]]:
    """The gold strings of the examples that the rule can decide, and where in the document they stand (`places`)."""
    kept = {}
    for asked in by_document(examples).values():
        for example in asked:
            gold = next(filter(None, map(gold_strings, example.answers)), ())
            if not gold or example.answerable is False:
                continue
            plain, origin = _traced(example.document.page_content)
            if all(_pattern(one).search(plain) for one in gold):
                kept[example.id] = gold, _found(plain, origin, gold)
    return kept
