"""What a pruner keeps or drops whole: sentences, and the rows of tables."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rlc.data.text.sentences import split_sentences

Splitter = Callable[[str], list[tuple[int, int]]]

# Cells are set apart by bars, by tabs, or by three spaces or more.
_ROW = re.compile(r"[^\S\n]*(?:\|[^\n]*|\S[^\n]*?(?:\||\t|[^\S\n]{3,})[^\S\n]*\S[^\n]*)")
_RULE = re.compile(r"[\s|:+=_-]+")  # the line between a table's header and its body
_LINE = re.compile(r"[^\n]*\n?")


@dataclass(frozen=True)
class Unit:
    """The half-open character span `text[start:end]`; `headers` are the places of the units it is kept with."""

    start: int
    end: int
    headers: tuple[int, ...] = ()


def units(text: str, split: Splitter = split_sentences) -> list[Unit]:
    """Cut a text into sentences and table rows. They tile it; white space goes with the unit before it.

    A table is a run of two rows or more, blank lines between them allowed; its first row, and the rule under it,
    are the headers of all the others.
    """
    found: list[Unit] = []
    for start, end, is_table in _stretches(text):
        first = len(found)
        if is_table:
            spans = _rows(text, start, end)
            heads = [first, first + 1] if _is_rule(text, spans[1]) else [first]
        else:
            spans = [(start + low, start + high) for low, high in split(text[start:end])]
            heads = []
        found += [
            Unit(low, high, tuple(head for head in heads if head != place))
            for place, (low, high) in enumerate(spans, start=first)
        ]
    return found


def with_headers(keep: Sequence[bool], units: Sequence[Unit]) -> list[bool]:
    """Add the headers of every table of which a row is kept."""
    wanted = {head for kept, unit in zip(keep, units, strict=True) if kept for head in unit.headers}
    return [kept or place in wanted for place, kept in enumerate(keep)]


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it is a table), tiling the text."""
    begin = 0
    for start, end in _tables(text):
        if begin < start:
            yield begin, start, False
        yield start, end, True
        begin = end
    if begin < len(text):
        yield begin, len(text), False


def _tables(text: str) -> list[tuple[int, int]]:
    """Runs of at least two rows, with the blank lines between and behind them."""
    runs: list[tuple[int, int, int]] = []  # start, end, rows
    for match in _LINE.finditer(text):
        blank = not match.group().strip()
        row = not blank and _ROW.match(match.group()) is not None
        joins = bool(runs) and runs[-1][1] == match.start()
        if joins and (blank or row):
            start, _, rows = runs[-1]
            runs[-1] = (start, match.end(), rows + row)
        elif row:
            runs.append((match.start(), match.end(), 1))
    return [(start, end) for start, end, rows in runs if rows > 1]


def _rows(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans of a table's rows, blank lines left to the row above."""
    starts = [
        match.start()
        for match in _LINE.finditer(text, start, end)
        if match.group().strip() and match.start() < end
    ]
    return list(pairwise([*starts, end]))


def _is_rule(text: str, span: tuple[int, int]) -> bool:
    return _RULE.fullmatch(text, *span) is not None
