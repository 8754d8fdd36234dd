"""How amounts are written: in digits of several customs, as fractions, and in English words."""

import math
from collections.abc import Iterable
from typing import Any

import regex

from rlc.experiments.metrics.values.amounts import Amount
from rlc.experiments.metrics.values.base import Kind
from rlc.experiments.metrics.values.units import ATTACHED, SCALES, UNITS

_LONGEST = 300  # digits: beyond them no float tells two numbers apart
_EXACT = 1e-9

_ONES_IN_ORDER = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_TENS_IN_ORDER = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS_IN_ORDER = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
"""
_SMALL = {word: value for value, word in enumerate(_ONES_IN_ORDER.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TENS_IN_ORDER.split(), start=2)}
_ORDINALS = {word: value for value, word in enumerate(_ORDINALS_IN_ORDER.split(), start=1)}
_SCALE_WORDS = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}


def _any(words: Iterable[str]) -> str:
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(
        regex.escape(word) + (r"\b" if word[-1].isalpha() and word.isascii() else "") for word in ordered
    )


_ONE = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_SMALL)}))?|(?:{'|'.join(sorted(_SMALL, key=len, reverse=True))}))\b"
_GREAT = rf"(?:{'|'.join(_SCALE_WORDS)})\b"
_TAIL = rf"""
    (?P<close>\))?
    (?:(?P<scale>(?:{"|".join(ATTACHED)})\b)|[\s-]?(?P<scale>{_any(set(SCALES) - set(ATTACHED))})\.?)?
    (?:[\s-]?(?P<unit>{_any(UNITS)}))?(?P<behind>\))?(?!\w)
"""
_DIGITS = regex.compile(
    rf"""
    (?=\d|[-$€£¥₹(.]{{1,4}}\s?\d)  # first, for it is quick
    (?P<minus>(?<![\w)%\0])-(?=\S))?
    (?:(?P<currency>[$€£¥₹])\s?(?P<minus>-(?=\d))?)?(?P<open>\((?=\$?\d))?\$?
    (?<!\d[.,'])(?<![\w.])(?<![^\W\d]-)(?P<digits>
        \d{{1,2}}(?:,\d\d){{1,5}},\d{{3}}(?!\d)(?:\.\d++)?                              # 1,23,45,678
        |\d{{1,3}}(?P<mark>[,.'’\ ])\d{{3}}(?:(?P=mark)\d{{3}}){{0,6}}(?!\d|(?P=mark)\d)(?:(?!(?P=mark))[.,]\d++)?
        |\d++,\d{{1,2}}(?![\d,])                                                        # 3,5
        |\d++(?:\.\d++)?|\.\d++)
    (?:\s?(?:x|\\times)\s?10\s?(?:\^\s?\{{?\s?(?=[\d-])|(?=-))(?P<power>-?\d{{1,3}})\}}?(?!\d)|e(?P<power>[+-]?\d{{1,3}})\b)?
    (?:\s?[/⁄]\s?(?P<below>\d{{1,4}})(?![\d/⁄])|\s(?P<above>\d)[/⁄](?P<below>\d)(?![\d/⁄]))?
    (?:st\b|nd\b|rd\b|th\b)?(?!-[a-z]\b)
    {_TAIL}""",
    regex.VERBOSE,
)
_WORDS = regex.compile(
    rf"""
    \b(?:
    (?P<above_word>a|one|two|three|four|five)[\s-](?P<part>{"|".join(_PARTS)})s?\b
    |(?P<part>half)(?=\s(?:of|the|its|a)\b)|(?<!\w\W*)(?P<part>half)(?=\W*\Z)
    |(?:(?P<words>{"|".join(_TENS)})[\s-])?(?P<ordinal>{"|".join(_ORDINALS)})(?<!(?<!ty[\s-])(?:first|second))\b
    |(?P<words>(?:{_ONE}|a(?=\s{_GREAT}))(?:[\s-]{_GREAT}(?:,?\s(?:and\s)?{_ONE})?)*)
    ){_TAIL}""",
    regex.VERBOSE,
)
_BEFORE = regex.compile(r"\b(?:(?P<minus>minus|negative)\s?|(?P<currency>us|usd|eur|gbp|chf|inr|rs\.?)\s?)\Z")
_ROUNDED = regex.compile(
    r"(?:\b(?:about|around|approximately|approx\.?|roughly|nearly|almost|circa|ca\.|some|close to|more than|over|etwa|rund"
    r"|environ|unos|circa|cerca de|около|yaklaşık)\s+(?:\w+\s)?|~\s?|≈\s?|约|大约|約)\s?[$€£¥]?\Z"
)
_LOSS = regex.compile(
    r"\b(?:loss|losses|lost|deficit|decreas\w*|declin\w*|fell|fall\w*|drop\w*|reduc\w*|negative|minus|below|lower\w*|down"
    r"|outflow\w*|used|shrank|contract\w*|less|verlust|perte|pérdida|perdita|prejuízo|убыт\w*)\b"
)


def _in_digits(match: Any) -> Amount | None:  # noqa: ANN401  see Kind
    readings, ulp = _of_digits(match)
    before = _BEFORE.search(match.string[max(0, match.start() - 10) : match.start()])
    power = float(f"1e{match['power']}") if match["power"] else 1.0  # infinite where no float is so large
    currency = match["currency"] or (before and before["currency"])
    told = match["scale"] or match["unit"] or currency or match.span() == (0, len(match.string))
    return _amount(
        match,
        tuple(value * power for value in readings),
        ulp * power,
        currency or "",
        negative=bool(
            match["minus"]
            or (before and before["minus"])
            or (match["open"] and match["close"] and told)
            or (match["open"] and match["behind"] and match.span() == (0, len(match.string)))
        ),
    )


def _of_digits(match: Any) -> tuple[tuple[float, ...], float]:  # noqa: ANN401  see Kind
    """What digits may say, without power and scale, and the worth of the last one; nothing where they are too many."""
    digits, mark, below = match["digits"], match["mark"], float(match["below"] or 1)
    if len(digits) > _LONGEST or not below:
        return (), 1.0
    if match["above"]:  # 5 1/2
        return (float(digits) + float(match["above"]) / below,), _EXACT
    if (
        mark == "." and digits.count(".") == 1 and "," not in digits
    ):  # 1.234, with a decimal point or a mark of thousands
        return (float(digits), float(digits.replace(".", ""))), 1e-3
    if mark:
        plain = digits.replace(mark, "").replace(",", ".")
    else:
        plain = digits.replace(",", "." if regex.fullmatch(r"\d+,\d{1,2}", digits) else "")
    if match["below"]:  # 3/4
        return (float(plain) / below,), _EXACT
    return (float(plain),), 10.0 ** -len(plain.partition(".")[2])


def _in_words(match: Any) -> Amount | None:  # noqa: ANN401  see Kind
    if match["words"] == "one" and not (match["scale"] or match["unit"]):
        return None  # mostly a pronoun
    if match["part"]:
        return _amount(match, (_SMALL.get(match["above_word"] or "one", 1) / _PARTS[match["part"]],), _EXACT)
    if match["ordinal"]:
        return _amount(match, (float(_TENS.get(match["words"], 0) + _ORDINALS[match["ordinal"]]),), 1.0)
    return _amount(match, (_spelled(match["words"]),), 1.0)


def _amount(
    match: Any,  # noqa: ANN401  see Kind
    readings: tuple[float, ...],
    ulp: float,
    currency: str = "",
    *,
    negative: bool = False,
) -> Amount | None:
    """An amount with the scale and unit behind it; None where it is no finite number."""
    scale = SCALES.get(match["scale"] or "", 1.0)
    scaled = tuple(value * scale for value in readings)
    if match["scale"] in {"m", "b"} and not currency:
        scaled = (*scaled, *readings)  # 100m may be metres
    if not scaled or not all(map(math.isfinite, scaled)):
        return None
    dimension, size = UNITS.get((currency or match["unit"] or "").rstrip("."), ("", 1.0))
    called_rounded = _ROUNDED.search(match.string[max(0, match.start() - 24) : match.start()]) is not None
    whole = f"{readings[0]:.0f}"
    return Amount(
        match.start(),
        match.end(),
        match.groupdict().get("digits") or match[0],
        context=False,
        readings=scaled,
        negative=negative,
        lost=_LOSS.search(match.string, max(0, match.start() - 60), match.end() + 30) is not None,
        ulp=ulp * scale,
        zeros=scale * max(ulp, 10.0 ** (len(whole) - len(whole.rstrip("0")))) if called_rounded else 0.0,
        rounded=called_rounded or scale > 1 or ulp < 1 or dimension == "share",
        scaled=scale > 1,
        dimension=dimension,
        size=size,
    )


def _spelled(text: str) -> float:
    """The value of number words: `seven thousand two hundred` is 7200."""
    total = group = 0.0
    for word in regex.split(r"[\s,-]+", text):
        if word in _SCALE_WORDS and _SCALE_WORDS[word] > 100:
            total, group = total + (group or 1.0) * _SCALE_WORDS[word], 0.0
        elif word == "hundred":
            group = (group or 1.0) * 100
        else:
            group += _SMALL.get(word, _TENS.get(word, 0))
    return total + group


DIGITS = Kind(_DIGITS, _in_digits)
WORDS = Kind(
    _WORDS,
    _in_words,
    frozenset([*_SMALL, *_TENS, *_SCALE_WORDS, *_ORDINALS, *_PARTS, *(f"{part}s" for part in _PARTS)]),
)
