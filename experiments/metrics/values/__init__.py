"""Values in a text: dates, times, versions and amounts, each with its own idea of what is the same."""

from collections.abc import Sequence

from rlc.experiments.metrics.values.amounts import Amount
from rlc.experiments.metrics.values.base import Value, scan
from rlc.experiments.metrics.values.clock import SPOKEN, TIME, Time
from rlc.experiments.metrics.values.han import HAN
from rlc.experiments.metrics.values.numerals import DIGITS, WORDS
from rlc.experiments.metrics.values.times import DIGIT_FIRST, MONTH_FIRST, YEAR_ALONE, Date
from rlc.experiments.metrics.values.versions import VERSION, Version

__all__ = ["KINDS", "Amount", "Date", "Time", "Value", "Version", "values"]

KINDS = (DIGIT_FIRST, MONTH_FIRST, YEAR_ALONE, TIME, SPOKEN, VERSION, HAN, DIGITS, WORDS)
"""What values there are; where two could read the same place, the earlier does."""


def values(text: str) -> Sequence[Value]:
    """The values of a folded text, in order.

    Digits inside names (`gpt-4`, `f1`) are none, nor is "one" on its own, which is mostly a pronoun.

    >>> [value.written for value in values("on 12 march 1871 it owed $(1.2) million, or 5%, at 3:30 pm under v2.10")]
    ['12 march 1871', '1.2', '5', '3:30 pm', '2.10']
    """
    return scan(text, KINDS)
