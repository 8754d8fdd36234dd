"""Amounts as Chinese, Japanese and Korean write them: 三百二十, 3億5000万, 1억 2천만, 百分之三十, 三分之一, 3割."""

from typing import Any

import regex

from rlc.experiments.metrics.values.amounts import Amount
from rlc.experiments.metrics.values.base import Kind
from rlc.experiments.metrics.values.units import UNITS

_DIGITS = {
    sign: value
    for signs in (
        "〇一二三四五六七八九",
        "零壹贰叁肆伍陆柒捌玖",
        " 壱弐参",
        "  两",
        "  兩",
        " 일이삼사오육칠팔구",
    )
    for value, sign in enumerate(signs)
    if sign != " "
}
_TENS = dict.fromkeys("十拾십", 10.0) | dict.fromkeys("百佰백", 100.0) | dict.fromkeys("千仟천", 1000.0)
_MYRIADS = dict.fromkeys("万萬만", 1e4) | dict.fromkeys("亿億억", 1e8) | dict.fromkeys("兆조", 1e12)
_COUNTERS = "个個人名位次回本枚台章条條岁歳年月日天周倍层層階楼号號級级年歩步票首篇页頁개명번살회"
_HAN_UNITS = "|".join(
    sorted((regex.escape(name) for name in UNITS if not name.isascii()), key=len, reverse=True)
)

_FIGURES = r"\d{1,15}(?:,\d{3})*(?:\.\d+)?"
_SIGN, _SCALE = "".join(_DIGITS) + "".join(_TENS), "".join(_TENS) + "".join(_MYRIADS)
_NUMBER = (
    rf"(?:{_FIGURES}(?=\s{{0,3}}[{_SCALE}分割成할])|[{_SIGN}])"
    rf"(?:[{_SIGN}{_SCALE}]|\s{{1,3}}[{_SCALE}]|(?<=[{_SCALE}])\s{{0,3}}{_FIGURES})*+"
)
_LONGEST = 40  # signs of a number
_AMOUNT = regex.compile(
    rf"""
    (?=[\d负負第{_SIGN}])(?<![\d.,]|[a-z])
    (?P<minus>[负負])?(?P<ordinal>第)?
    (?:(?P<below>{_NUMBER})\s?分之\s?)?(?P<number>{_NUMBER}|(?<=分之\s?){_FIGURES})
    (?P<tenths>\s?[割成할])?(?:\s{{0,3}}(?P<unit>{_HAN_UNITS}|%))?(?P<counted>\s?[{_COUNTERS}])?
    """,
    regex.VERBOSE,
)
_PIECE = regex.compile(rf"{_FIGURES}|[{_SIGN}{_SCALE}]")
_HANGUL = regex.compile(r"\p{Hangul}")


def integer(text: str) -> int:
    """A whole number in digits or Han signs: 12, 一八七一, 十二, 二十一."""
    return int(text) if text.isdecimal() else int(_value(text)[0])


def _value(text: str) -> tuple[float, float, float]:
    """The value of signs and figures, the worth of its last digit, and that of its last scale of four digits or more."""
    pieces = _PIECE.findall(text.replace(" ", ""))
    if len(pieces) > 1 and all(piece in _DIGITS for piece in pieces):  # 一八七一, sign by sign
        return float("".join(str(_DIGITS[piece]) for piece in pieces)), 1.0, 1.0
    total = group = 0.0
    number: float | None = None
    last, worth, myriad = 1.0, 1.0, 1.0
    for i, piece in enumerate(pieces):
        if piece in _MYRIADS:
            total, group, number = total + (group + (number or 0.0) or 1.0) * _MYRIADS[piece], 0.0, None
            last = myriad = _MYRIADS[piece]
        elif piece in _TENS:
            group, number = group + (1.0 if number is None else number) * _TENS[piece], None
            last, worth = _TENS[piece], 1.0
        else:
            number = float(_DIGITS[piece] if piece in _DIGITS else piece.replace(",", ""))
            worth = 10.0 ** -len(piece.partition(".")[2])
            short = (
                i + 1 == len(pieces) and i > 0 and piece in _DIGITS and last > 10 and pieces[i - 1] in _SCALE
            )
            last = last / 10 if short else 1.0  # 两千五 is 2500
            number *= last
    return total + group + (number or 0.0), worth * last, myriad


def _amount(match: Any) -> Amount | None:  # noqa: ANN401  see Kind
    number, unit = match["number"], match["unit"]
    if max(len(number), len(match["below"] or "")) > _LONGEST:
        return None
    marked = match["ordinal"] or match["below"] or match["tenths"] or unit or match["minus"]
    whole = match[0].strip() == match.string.strip(" .。")
    if not regex.search(rf"[{_SIGN}{_SCALE}]", match[0]):
        return None
    plain = number.replace(" ", "")
    has_digit = any(sign in _DIGITS or sign.isdigit() for sign in plain)
    clear = (
        len(plain) > 1
        and has_digit
        and (len(plain) > 2 or any(sign in _SCALE or sign in "〇零" for sign in plain))
    )
    counted = match["counted"] is not None and plain != "一"
    if _HANGUL.search(plain) and not plain[0].isdigit() and not (whole or unit):
        return None  # the same syllables make many other words
    if not (marked or whole or clear or counted):
        return None
    value, worth, myriad = _value(number)
    share = "%" if match["tenths"] else ""
    if match["tenths"]:
        value, worth = 10 * value, 10 * worth
    if match["below"]:
        below = _value(match["below"])[0]
        if not below:
            return None
        share = "%" if below in {100.0, 1000.0} else ""
        value, worth, myriad = (
            (value * 100 / below, worth * 100 / below, 1.0) if share else (value / below, 1e-9, 1.0)
        )
    dimension, size = UNITS.get(share or unit or "", ("", 1.0))
    return Amount(
        match.start(),
        match.start("counted") if counted else match.end(),
        match[0].strip(),
        context=False,
        readings=(value,),
        negative=match["minus"] is not None,
        lost=False,
        ulp=worth,
        zeros=0.0,
        rounded=myriad > 1 or worth < 1 or dimension == "share",
        scaled=myriad > 1,
        dimension=dimension,
        size=size,
    )


HAN = Kind(_AMOUNT, _amount, foreign=True)
