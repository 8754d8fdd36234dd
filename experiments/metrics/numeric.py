"""Numbers in text as values: found with their units, compared within rounding."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

RELATIVE_TOLERANCE = 0.006
_UNIT_FACTORS = (1.0, 1e3, 1e6, 1e9)

_SMALL_WORDS = """
    zero one two three four five six seven eight nine ten
    eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(re.findall(r"\w+", _SMALL_WORDS))}
_TENS = {word: 10 * value for value, word in enumerate(re.findall(r"\w+", _TENS_WORDS), start=2)}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SUFFIXES = {"k": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "x": 1.0, "": 1.0} | _SCALES
_UNIT = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_SMALL)}))?|(?:{'|'.join(_SMALL)}))\b"
_SCALE = rf"(?:{'|'.join(_SCALES)})\b"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)

_NUMBER = re.compile(
    rf"""
    (?P<date>\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!,\d)
        |\b(?P<first_day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?={_MONTH}\s+\d{{4}}))
    |(?<![\w.])(?<![^\W\d_]-)(?P<digits>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)
        (?:\s?(?:x|\\times)\s?10\s?(?:\^\s?\{{?\s?(?=[\d-])|(?=-))(?P<power>-?\d+)\}}?|e(?P<exponent>[+-]?\d+))?
        (?:\)?\s?(?P<percent>%|percent\b|per\s?cent\b|percentage\b)
          |\)?\s?(?P<scale>thousand|million|billion|trillion)\b
          |(?P<suffix>k|m|mm|mn|b|bn|x)\b
          |(?:st|nd|rd|th|[a-z]{{1,3}})\b)?
        (?!\w)(?!-[a-z]\b)
    |\b(?P<words>(?:{_UNIT}|a(?=\s{_SCALE}))(?:[\s-]{_SCALE}(?:,?\s(?:and\s)?{_UNIT})?)*)
        (?:\s(?P<word_percent>percent\b|per\s?cent\b))?
    """,
    re.VERBOSE,
)

_MOVE = re.compile(r"\b(?:to|versus|vs|against|compared|from)\b")


@dataclass(frozen=True)
class Number:
    """A number in a text.

    `value` is its size with its unit (million, ...) and without its sign, `percent` whether it is a percentage,
    `decimals` the digits after the point as written, `exact` whether it has at least three digits or a unit such
    as million. `context` marks years and days of a month, which say when rather than how much. The half-open span [start, end) is where it stands.
    """

    value: float
    percent: bool
    decimals: int
    exact: bool
    context: bool
    start: int
    end: int

    @property
    def key(self) -> str:
        """A token that equal numbers share to four significant digits."""
        return f"#{self.value:.4g}{'%' if self.percent else ''}"


def numbers(text: str) -> list[Number]:
    """The numbers of a lower-cased text, in order.

    Digits inside names (`gpt-4`, `f1`) are not numbers, nor is "one" on its own, which is mostly a pronoun.

    >>> [number.value for number in numbers("net loss of $(1.2) million, or 5%, and twenty-one dogs; gpt-4")]
    [1200000.0, 5.0, 21.0]
    """
    return [_number(match) for match in _NUMBER.finditer(text) if match[0] != "one"]


def _number(match: re.Match[str]) -> Number:
    start, end = match.span()
    if day := match["day"] or match["first_day"]:
        start, end = match.span("day" if match["day"] else "first_day")
        return Number(float(day), False, 0, False, True, start, end)
    if spelled := match["words"]:
        value = _spelled(spelled)
        scaled = any(scale in spelled for scale in _SCALES)
        return Number(value, match["word_percent"] is not None, 0, scaled, False, start, end)
    digits = match["digits"].replace(",", "")
    power = int(match["power"] or match["exponent"] or 0)
    factor = _SUFFIXES[match["scale"] or match["suffix"] or ""]
    bare = match.end() == match.end("digits") and "," not in match["digits"] and "." not in digits
    return Number(
        value=float(digits) * 10.0**power * factor,
        percent=match["percent"] is not None,
        decimals=len(digits.partition(".")[2]),
        exact=factor > 1 or len(digits.replace(".", "").lstrip("0")) >= 3,
        context=bare and len(digits) == 4 and 1900 <= int(digits) < 2100,
        start=start,
        end=end,
    )


def _spelled(text: str) -> float:
    """The value of number words: `seven thousand two hundred` is 7200."""
    total = group = 0.0
    for word in re.split(r"[\s,-]+", text):
        if word in _SCALES and _SCALES[word] > 100:
            total, group = total + (group or 1.0) * _SCALES[word], 0.0
        elif word == "hundred":
            group = (group or 1.0) * 100
        else:
            group += _SMALL.get(word, _TENS.get(word, 0))
    return total + group


def close(a: float, b: float, tolerance: float = RELATIVE_TOLERANCE) -> bool:
    """Whether two values differ by at most `tolerance`, relative to the larger."""
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def same_number(a: Number, b: Number) -> bool:
    """Whether two numbers say the same.

    Years and days must be equal. Percentages are the same where one is the other rounded to its decimals, a
    percentage and a plain number also where the latter is its hundredth. Other numbers are the same within 0.6%;
    where both are exact, also after a factor of 1e3, 1e6 or 1e9, for tables print thousands and prose millions.
    """
    if a.context or b.context:
        return a.value == b.value
    if a.percent and b.percent:
        coarse, fine = (a, b) if a.decimals <= b.decimals else (b, a)
        return abs(coarse.value - fine.value) <= (0.5 + 1e-6) * 10.0**-coarse.decimals
    if a.percent or b.percent:
        share, percent = (b, a) if a.percent else (a, b)
        return close(share.value, percent.value) or close(100 * share.value, percent.value)
    low, high = sorted((a.value, b.value))
    factors = _UNIT_FACTORS if a.exact and b.exact else _UNIT_FACTORS[:1]
    return any(close(low * factor, high) for factor in factors)


def moves(text: str, found: Sequence[Number]) -> list[tuple[Number, Number]]:
    """The pairs of neighbouring numbers that say where something went: "from A to B", "A compared with B".

    Years and days between them are passed over.
    """
    sizes = [number for number in found if not number.context]
    return [(a, b) for a, b in pairwise(sizes) if _MOVE.search(text, a.end, b.start)]


def matched(
    gold: Sequence[Number],
    candidates: Sequence[Number],
    gold_moves: Iterable[tuple[Number, Number]] = (),
    candidate_moves: Iterable[tuple[Number, Number]] = (),
) -> list[bool]:
    """Which of the gold numbers the candidates say.

    The two ends of a move in the gold answer are also matched by their difference or percent change, and a gold
    number by that of a move among the candidates.
    """
    found = [any(same_number(number, candidate) for candidate in candidates) for number in gold]
    for move in gold_moves:
        if any(_is_change(candidate, *move) for candidate in candidates):
            found = [hit or number in move for hit, number in zip(found, gold, strict=True)]
    changes = list(candidate_moves)
    return [
        hit or any(_is_change(number, *move) for move in changes)
        for hit, number in zip(found, gold, strict=True)
    ]


def _is_change(number: Number, a: Number, b: Number) -> bool:
    """Whether `number` is b - a or 100 (b - a) / a, sizes only."""
    if a.context or b.context or a.percent != b.percent or a.value == b.value:
        return False
    difference = abs(b.value - a.value)
    if number.percent and not a.percent:
        return a.value > 0 and abs(number.value - 100 * difference / a.value) <= 0.5 * 10.0**-number.decimals
    return number.exact and close(number.value, difference)


def numeric_match(prediction: str, golds: Sequence[str]) -> float | None:
    """1.0 where the prediction says every number of a gold answer, else 0.0; None where no gold answer has one.

    Years and days count only in a gold answer that holds no other number.
    """
    said = numbers(prediction.lower())
    wanted = [needed for gold in golds if (needed := required(numbers(gold.lower())))]
    return float(any(all(matched(needed, said)) for needed in wanted)) if wanted else None


def required(found: Sequence[Number]) -> list[Number]:
    """The numbers that must be matched: those that are not context, or all where there are no others."""
    return [number for number in found if not number.context] or list(found)
