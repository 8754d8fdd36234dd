"""Times of day: in digits, as they are spoken, and in Chinese, Japanese and Korean."""

from dataclasses import dataclass
from typing import Any

import regex

from rlc.experiments.metrics.values.base import Kind, Value
from rlc.experiments.metrics.values.han import integer

_HOURS = {
    word: hour
    for words in (
        "one two three four five six seven eight nine ten eleven twelve",
        "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    )
    for hour, word in enumerate(words.split(), start=1)
} | {"funf": 5, "zwolf": 12, "ein": 1}
_MINUTES = {
    "five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty five": 25, "thirty": 30, "thirty five": 35, "forty": 40,
    "forty five": 45, "fifty": 50, "fifty five": 55, "half": 30, "quarter": 15, "viertel": 15,
}  # fmt: skip
_NAMED = {"noon": 12, "midday": 12, "midnight": 0}
_MORNING = ("a", "morning", "上午", "早上", "凌晨", "午前", "오전")
_AFTERNOON = ("p", "afternoon", "evening", "night", "下午", "晚上", "午後", "午后", "오후")

_HOUR = rf"(?:\d{{1,2}}|{'|'.join(_HOURS)})"
_COUNT = r"(?:five|ten|twenty(?:[\s-]five)?|\d{1,2})"
_PART = r"(?:\s?(?P<half>[ap])\.?\s?m\b\.?|\s(?:in\sthe\s|at\s)?(?P<half>morning|afternoon|evening|night)\b)?"
_HAN = r"(?:\d{1,2}|[一二两三四五六七八九十]{1,3})"
_TIME = regex.compile(
    rf"""(?=[\d上下早凌晚午오一二两三四五六七八九十])(?<![\w.:第])(?:
    (?P<hour>\d{{1,2}}):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?![\d:]){_PART}
    |(?P<hour>\d{{1,2}})(?:\.(?P<minute>[0-5]\d))?\s?(?:(?P<half>[ap])\.?\s?m\b\.?|(?P<half>o'clock|uhr)\b){_PART}
    |(?P<hour>\d{{1,2}})\s(?P<half>noon|midnight)\b
    |(?P<hour>\d{{1,2}})h(?P<minute>[0-5]\d)\b
    |(?P<half>上午|下午|早上|晚上|凌晨|午前|午後|午后|오전|오후)?\s?(?P<hour>{_HAN})\s?[点點時时시](?!间|間|간)
     (?:\s?(?:(?P<minute>半|반|[一三]刻)|(?P<minute>{_HAN})\s?[分분]))?
    )""",
    regex.VERBOSE,
)
_SPOKEN = regex.compile(
    rf"""\b(?:
    (?:(?:a\s)?(?P<minute>half|quarter)|(?P<minute>{_COUNT})\sminutes?)\s(?P<way>past|after|to|before|till)\s(?P<hour>{_HOUR})\b
     (?!\squarters|\s?%){_PART}
    |(?:\A|(?<=\bat\s))(?P<minute>{_COUNT})\s(?P<way>past|to)\s(?P<hour>{_HOUR})\b(?=\W*\Z){_PART}
    |(?:\A|(?<=\bat\s))(?P<hour>{"|".join(_HOURS)})[\s-](?P<minute>(?:twenty|thirty|forty|fifty)(?:[\s-]five)?|ten|fifteen)\b(?!-){_PART}
    |(?P<hour>{_HOUR})\so'clock\b{_PART}
    |halb\s(?P<hour>{_HOUR})\b(?P<way>)|(?P<minute>viertel)\s(?P<way>vor|nach)\s(?P<hour>{_HOUR})\b
    |(?P<hour>{"|".join(_HOURS)})\suhr\b
    |(?P<hour>noon|midday|midnight)\b
    )""",
    regex.VERBOSE,
)


@dataclass(frozen=True)
class Time(Value):
    """A time of day in minutes since midnight; `half` is whether morning or afternoon is told."""

    minutes: int
    half: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """Hours and minutes, as far as they are told."""
        return (f"#{self.minutes // 60}:{self.minutes % 60:02}",)

    def says(self, gold: Value) -> bool:
        """Whether it is the same time; where one is told by twelve hours without a half of the day, of either half."""
        if not isinstance(gold, Time):
            return False
        open_half = not self.half or not gold.half
        return (self.minutes - gold.minutes) % (720 if open_half else 1440) == 0


def _time(match: Any) -> Time | None:  # noqa: ANN401  see Kind
    if not (match["half"] or match["minute"] or match["hour"].isdecimal()):
        return None  # 三点 may be three points
    said = match["minute"] or "0"
    quarters = {"半": 30, "반": 30, "一刻": 15, "三刻": 45}
    return _at(match, integer(match["hour"]), quarters[said] if said in quarters else integer(said))


def _spoken(match: Any) -> Time | None:  # noqa: ANN401  see Kind
    if match["hour"] in _NAMED:
        hour = _NAMED[match["hour"]]
        return Time(match.start(), match.end(), match[0], True, 60 * hour, True)
    hour = _HOURS.get(match["hour"]) or int(match["hour"])
    said = (match["minute"] or "").replace("-", " ")
    minute = _MINUTES[said] if said in _MINUTES else int(said or 0)
    if match["way"] == "":  # halb vier
        hour, minute = hour - 1, 30
    if match["way"] in {"to", "before", "till", "vor"}:
        hour, minute = hour - 1, 60 - minute
    return _at(match, hour % 24, minute)


def _at(match: Any, hour: int, minute: int) -> Time | None:  # noqa: ANN401  see Kind
    half = match["half"]
    morning, afternoon = half in _MORNING, half in (*_AFTERNOON, "noon")
    if half == "midnight":
        morning = True
    if hour > 24 or minute > 59 or ((morning or afternoon) and half in {"a", "p"} and not 1 <= hour <= 12):
        return None
    if (morning or afternoon) and hour <= 12:
        hour = hour % 12 + (12 if afternoon else 0)
    told = morning or afternoon or hour > 12
    return Time(match.start(), match.end(), match[0], False, 60 * hour + minute, told)


TIME = Kind(_TIME, _time)
SPOKEN = Kind(
    _SPOKEN,
    _spoken,
    frozenset(
        [
            *_NAMED,
            *(
                [
                    "past",
                    "quarter",
                    "minute",
                    "minutes",
                    "clock",
                    "halb",
                    "viertel",
                    "uhr",
                    "ten",
                    "twenty",
                    "thirty",
                    "forty",
                    "fifty",
                    "fifteen",
                ]
            ),
        ]
    ),
)
