"""Amounts: how much or how many, with sign, scale and unit, and when two of them are the same."""

from dataclasses import dataclass

from rlc.experiments.metrics.values.base import Value

_CLOSEST = 0.025
"""How far, as a share, rounding may move an amount: 832,000 is not 0.8 million, 6,340,264 is 6.3 million."""


@dataclass(frozen=True)
class Amount(Value):
    """How much or how many.

    `readings` are what the digits may say, times the scale: two where 1.234 may have a decimal point or a mark of
    thousands. `ulp` is the worth of the last digit that is told, `zeros` that of the last one but zeros where the text
    calls it rounded, and 0 where it does not; `rounded` whether the text or a scale shows that
    there are more; `dimension` and `size` are of the unit, empty and 1 without one. `negative` is the sign. `difference`
    marks a percentage that may be one of percentage points.
    """

    readings: tuple[float, ...]
    negative: bool
    lost: bool
    ulp: float
    zeros: float
    rounded: bool
    scaled: bool
    dimension: str
    size: float
    difference: bool = False

    @property
    def value(self) -> float:
        """The likeliest reading, with its scale and without its sign and unit."""
        return self.readings[0]

    @property
    def percent(self) -> bool:
        """Whether it is a percentage."""
        return self.dimension == "share"

    @property
    def keys(self) -> tuple[str, ...]:
        """The amount to four digits."""
        return (f"#{self.value:.4g}{'%' if self.percent else ''}",)

    def says(self, gold: Value) -> bool:
        """Whether two amounts are the same, sign and all: exactly, or one is the other as it was rounded.

        Rounded is what is called so, and what has a scale, a unit of a hundred or decimals; it may leave out digits
        that the other tells, and moves it by 2.5% at most, a percentage by half of its last digit.
        """
        if not isinstance(gold, Amount):
            return (_plain(self) and gold.written == self.written.strip()) or _same_count(self, gold)
        points = {self.dimension, gold.dimension} == {"share", "points"} and (
            self.difference or gold.difference
        )
        if self.dimension and gold.dimension and self.dimension != gold.dimension and not points:
            return False
        if _is_code(self.written) or _is_code(gold.written):
            return self.written == gold.written
        if self.negative != gold.negative and not (self.lost or gold.lost):
            return False
        both = self.dimension == gold.dimension
        return any(
            _alike(said * factor, told * other, self, gold, factor, other)
            for factor, other in _factors(self, gold, both)
            for said in self.readings
            for told in gold.readings
        )


def _factors(a: Amount, b: Amount, both: bool) -> list[tuple[float, float]]:
    """What to multiply the two with: by their units where both have one, else as written, or a share as such."""
    if both:
        return [(a.size, b.size)]
    return [(1.0, 1.0)] + ([(a.size, b.size)] if "share" in (a.dimension, b.dimension) else [])


def _alike(x: float, y: float, a: Amount, b: Amount, factor: float, other: float) -> bool:
    gap, least = abs(x - y), 1e-9 * max(abs(x), abs(y))
    if gap <= least:
        return True
    ulps = [a.ulp * factor, b.ulp * other]
    if (
        factor != other and a.dimension == b.dimension
    ):  # 3 miles are 4.83 km: rounded after they were converted
        return gap <= min(max(ulps[0], least), max(ulps[1], least)) / 2 and gap <= _CLOSEST * max(
            abs(x), abs(y)
        )
    if not (a.zeros and b.zeros):  # who says about 26,009 to about 26,000 tells another number
        ulps = [max(ulps[0], a.zeros * factor), max(ulps[1], b.zeros * other)]
    coarse = a if ulps[0] >= ulps[1] else b
    if not coarse.rounded or ulps[0] == ulps[1]:
        return False
    return gap <= max(ulps) / 2 + least and (coarse.percent or gap <= _CLOSEST * max(abs(x), abs(y)))


def _is_code(written: str) -> bool:
    """Whether digits name something, such as 007, so that none of them may be left out."""
    return len(written) > 2 and written.isdecimal() and written[0] == "0"


def _plain(amount: Amount) -> bool:
    return not (amount.dimension or amount.scaled or amount.negative)


def _same_count(amount: Amount, gold: Value) -> bool:
    """A year alone may be a count, and is then compared as one: 2,000 and 2000."""
    return _plain(amount) and amount.value == gold.count
