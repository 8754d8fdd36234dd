"""A router's curve as a picture: what is right and what is read whole as the price rises, in the coordinates of an SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rlc.experiments.report.figures.pricing import PRICES, Priced

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 10, 40  # between the picture's edges and those of its field
TICKS = (0, 4, 9, 14, 19, len(PRICES) - 1)  # steps whose prices are written below


@dataclass(frozen=True)
class Chart:
    """What is drawn: lines and an area as points, and where labels stand.

    `right` is the share of right answers with its interval `band`, empty where that is open; `whole` the share of questions
    read whole; `rag` and `long` the heights of the arms; `at` the place of the price that was taken.
    """

    right: str
    band: str
    whole: str
    rag: float | None
    long: float | None
    at: float
    prices: Sequence[tuple[float, float]]
    shares: Sequence[tuple[float, int]]


def chart(found: Sequence[Priced], taken: Priced, rag: Priced, long: Priced) -> Chart:
    """Draw a router's curve; where nothing more is read whole, it goes on as it is."""
    points = [*found, Priced(PRICES[-1], found[-1].whole, found[-1].tokens, found[-1].accuracy)]
    lows, highs = (
        [(one.price, value) for one in points if (value := getattr(one.accuracy, end)) is not None]
        for end in ("low", "high")
    )
    return Chart(
        right=_line((one.price, one.accuracy.value) for one in points),
        band=_line([*lows, *reversed(highs)]),
        whole=_line((one.price, one.whole) for one in points),
        rag=_height(rag.accuracy.value),
        long=_height(long.accuracy.value),
        at=_place(taken.price),
        prices=[(_place(PRICES[step]), PRICES[step]) for step in TICKS],
        shares=[(HEIGHT - BOTTOM - share / 100 * _field(), share) for share in (0, 25, 50, 75, 100)],
    )


def _line(points: Iterable[tuple[float, float | None]]) -> str:
    return " ".join(
        f"{_place(price):.1f},{height:.1f}"
        for price, share in points
        if (height := _height(share)) is not None
    )


def _place(price: float) -> float:
    """Where a price stands: as far along as the slider does there."""
    last = len(PRICES) - 1
    step = last if np.isinf(price) else float(np.interp(price, PRICES[:-1], range(last)))
    return LEFT + step / last * (WIDTH - LEFT - RIGHT)


def _height(share: float | None) -> float | None:
    return None if share is None else HEIGHT - BOTTOM - share * _field()


def _field() -> float:
    return HEIGHT - TOP - BOTTOM
