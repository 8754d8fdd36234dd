"""Figures as cells of a table: percent, points, tokens, p; what is not known is a dash."""

from rlc.experiments.report.records import Cell
from rlc.experiments.statistics.intervals import Difference, Estimate

NONE = "–"


def name(text: str, strong: bool = False) -> Cell:
    """Write a row's name as a cell."""
    return Cell(text, strong=strong)


def count(number: int | None) -> Cell:
    """Write a whole number as a cell."""
    return Cell(NONE if number is None else f"{number:,}")


def number(value: float | None, digits: int = 0, detail: str = "") -> Cell:
    """A number with so many decimals."""
    return Cell(NONE if value is None else f"{value:,.{digits}f}".replace("-", "−"), detail)


def percent(value: Estimate) -> Cell:
    """A share as percent, with its interval and n."""
    return Cell(percent_text(value.value), f"{interval(value)}n = {value.n:,}")


def percent_text(value: float | None) -> str:
    """A share as percent."""
    return NONE if value is None else f"{100 * value:.1f}%".replace("-", "−")


def documents_text(count: int) -> str:
    """A number of documents in words."""
    return "one document" if count == 1 else f"{count:,} documents"


def points(value: Estimate) -> Cell:
    """A difference of shares as signed points of percent with its interval; strong if it is called one."""
    strong = isinstance(value, Difference) and value.called
    return Cell(points_text(value.value), f"{interval(value, signed=True)}n = {value.n:,}", strong)


def points_text(value: float | None) -> str:
    """A difference of shares as signed points of percent."""
    return NONE if value is None else f"{100 * value:+.1f}".replace("-", "−")


def interval(value: Estimate, signed: bool = False) -> str:
    """An interval of shares in percent and a comma, or nothing where it is open."""
    if value.low is None or value.high is None:
        return ""
    sign = "+" if signed else ""
    return f"{100 * value.low:{sign}.1f} to {100 * value.high:{sign}.1f}, ".replace("-", "−")


def p_text(p: float | None) -> str:
    """Write a p value, the smallest ones as a bound."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_clause(p: float | None) -> str:
    """A p value within a sentence."""
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
