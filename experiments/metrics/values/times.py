"""Dates."""

from dataclasses import dataclass
from typing import Any

import regex

from rlc.data.text.fold import fold, without_marks
from rlc.experiments.metrics.values.base import Kind, Value
from rlc.experiments.metrics.values.han import integer

# English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian and Turkish, as they stand in dates.
_MONTHS = """
    january jan januar jänner janvier enero gennaio janeiro januari stycznia января ocak
    february feb februar février febrero febbraio fevereiro februari lutego февраля şubat
    march mar märz mars marzo março maart marca марта mart
    april apr avril abril aprile kwietnia апреля nisan
    may mai mayo maggio maio mei maja мая mayıs
    june jun juni juin junio giugno junho czerwca июня haziran
    july jul juli juillet julio luglio julho lipca июля temmuz
    august aug août agosto augustus sierpnia августа ağustos
    september sep sept septembre septiembre settembre setembro września сентября eylül
    october oct oktober octobre octubre ottobre outubro października октября ekim
    november nov novembre noviembre novembro listopada ноября kasım
    december dec dezember décembre diciembre dicembre dezembro grudnia декабря aralık
"""
_MONTH_OF = {
    spelt: number
    for number, line in enumerate(_MONTHS.strip().splitlines(), start=1)
    for name in line.split()
    for spelt in (fold(name), without_marks(fold(name)))
}
_MONTH = "(?:" + "|".join(sorted(_MONTH_OF, key=len, reverse=True)) + r")\b\.?"
_DAY = r"\d{1,2}(?:\s?(?:st|nd|rd|th|er)\b|\.|º)?"
_DAY_END = regex.compile(r"\s?(?:st|nd|rd|th|er|\.|º)\Z")
_YEAR = r"1\d{3}|20\d{2}"
_HAN_DIGITS = "〇一二三四五六七八九"
_MONTH_FIRST = regex.compile(
    rf"""\b(?P<month>{_MONTH})(?:
    \s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!,\d{{3}}\b|[.:]\d|\s?%)(?:,?\s+(?:of\s+)?(?P<year>(?:{_YEAR})\b))?
    |,?\s+(?:of\s+|de\s+)?(?P<year>(?:{_YEAR})\b)
    )""",
    regex.VERBOSE,
)
_DIGIT_FIRST = regex.compile(
    rf"""(?=[\d{_HAN_DIGITS}])(?:  # first, for it is quick
    \b(?P<day>{_DAY})\s?[\s-](?:of\s+|de\s+)?(?P<month>{_MONTH})(?:,?\s?[\s-]?(?:of\s+|de\s+|del\s+)?(?P<year>(?:{_YEAR})\b))?
    |(?<![\w.,/-])(?P<year>(?:{_YEAR}))[-/.](?P<numeric>\d{{1,2}})[-/.](?P<day>\d{{1,2}})\b(?![-/.]?\d)
    |(?<![\w.,/-])(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second>\d{{1,2}})(?P=mark)(?P<year>(?:{_YEAR})|\d{{2}})\b(?![-/.]?\d)
    |(?P<year>\d{{4}}|[{_HAN_DIGITS}]{{4}})\s*[年년](?:\s*(?P<numeric>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})\s*[月월](?:\s*(?P<day>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})\s*[日号일])?)?
    )""",
    regex.VERBOSE,
)
_YEAR_ALONE = regex.compile(
    r"""(?=[12]\d)(?:
    \b(?P<decade>(?:1\d|20)\d)0'?s\b
    |(?<=\b(?:in|since|until|till|year|circa|by|during|before|after|from)\s|\b(?:mid|pre|post|early|late)-)(?P<year>1\d\d\d|20\d\d)\b(?!\s?%|,\d|[.:]\d)
    |(?<![\w.,$€£¥₹/#]|\d\s|[^\W\d]-|(?<!\w)-)(?P<year>19\d\d|20\d\d)\b(?![,.']\d|\s?(?:%|million|billion|thousand|percent)|-[a-z]\b|/\d)
    )""",
    regex.VERBOSE,
)


@dataclass(frozen=True)
class Date(Value):
    """A date, or a part of one: year, month and day, 0 for what it leaves open.

    `readings` holds more than one where day and month could change places, as in 12/03/1871.
    """

    readings: tuple[tuple[int, int, int], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Year, month and day, as far as they are told."""
        year, month, day = self.readings[0]
        return (
            *([f"#{day}"] if day else []),
            *([f"month{month}"] if month else []),
            *([f"#{year}"] if year else []),
        )

    def says(self, gold: Value) -> bool:
        """Whether this date tells all that the gold date tells, and the same."""
        if not isinstance(gold, Date):
            return gold.says(self) if self.bare else False
        return any(_tells(said, told) for said in self.readings for told in gold.readings)

    def differs(self, gold: "Date") -> bool:
        """Whether a year, month or day that both tell is another."""
        return not any(_agree(said, told) for said in self.readings for told in gold.readings)

    @property
    def bare(self) -> bool:
        """Whether it is a year alone, which may be a count that happens to look like one."""
        return self.count is not None

    @property
    def count(self) -> float | None:
        year, *rest = self.readings[0]
        return None if any(rest) else float(year)


def _tells(said: tuple[int, ...], told: tuple[int, ...]) -> bool:
    return all(a == b for a, b in zip(said, told, strict=True) if b)


def _agree(said: tuple[int, ...], told: tuple[int, ...]) -> bool:
    return all(a == b for a, b in zip(said, told, strict=True) if a and b)


def _month_first(match: Any) -> Date:  # noqa: ANN401  see Kind
    year, day = (int(match[part] or 0) for part in ("year", "day"))
    return Date(
        match.start(), match.end(), match[0], True, ((year, _MONTH_OF[match["month"].rstrip(".")], day),)
    )


def _digit_first(match: Any) -> Date | None:  # noqa: ANN401  see Kind
    year = integer(match["year"] or "0")
    if match["first"]:
        year += (2000 if year < 50 else 1900) if len(match["year"]) == 2 else 0
        first, second = int(match["first"]), int(match["second"])
        readings = [(year, second, first), (year, first, second)]
    else:
        month = _MONTH_OF[match["month"].rstrip(".")] if match["month"] else integer(match["numeric"] or "0")
        readings = [(year, month, integer(_DAY_END.sub("", match["day"] or "0")))]
    possible = tuple(one for one in dict.fromkeys(readings) if one[1] <= 12 and one[2] <= 31)
    return Date(match.start(), match.end(), match[0], True, possible) if possible else None


def _year_alone(match: Any) -> Date:  # noqa: ANN401  see Kind
    if match["decade"]:  # told apart from its first year by a day that no month has
        return Date(match.start(), match.end(), match[0], True, ((10 * int(match["decade"]), 0, 99),))
    return Date(match.start(), match.end(), match[0], True, ((int(match["year"]), 0, 0),))


MONTH_FIRST = Kind(_MONTH_FIRST, _month_first, frozenset(_MONTH_OF))
DIGIT_FIRST = Kind(_DIGIT_FIRST, _digit_first)
YEAR_ALONE = Kind(_YEAR_ALONE, _year_alone)
