"""A stretch of a document around what is to be seen in it, with marks; the next and the last such place."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlc.experiments.report.marks import Span, pieces
from rlc.experiments.report.records import Piece

WINDOW = 4_000  # characters shown at once; a document of so many is shown whole
AROUND = 800  # characters shown before a place


@dataclass(frozen=True)
class Stretch:
    """Characters `start` to `end` of `total`: the window of place `at` (from 0) of `places`."""

    pieces: Sequence[Piece]
    start: int
    end: int
    total: int
    at: int
    places: int


def stretch(text: str, gold: Sequence[Span], read: Sequence[Span], at: int = 0) -> Stretch:
    """The window of a place: gold evidence is gold, what was read is `kept`.

    The places are those of the gold evidence and of the passages that were read; without any, what was read whole, or one
    window after the other. Places that fit into one window are one.
    """
    passages = [span for span in read if span[1] - span[0] <= WINDOW]
    stops = _windows(sorted({*gold, *passages} or read), len(text))
    at = min(max(at, 0), len(stops) - 1)
    start, end = stops[at]
    marked = [
        piece._replace(state=piece.state.replace("dropped", ""))
        for piece in pieces(text, (start, end), read, gold)
    ]
    return Stretch(marked, start, end, len(text), at, len(stops))


def _windows(spans: Sequence[Span], total: int) -> list[Span]:
    if total <= WINDOW:
        return [(0, total)]
    if not spans:
        return [(start, min(total, start + WINDOW)) for start in range(0, total, WINDOW)]
    found: list[Span] = []
    for first, last in spans:
        if not found or min(last, first + AROUND) > found[-1][1]:
            start = max(0, min(first - AROUND, total - WINDOW))
            found.append((start, min(total, start + WINDOW)))
    return found
