"""The what-if page's picture: coordinates by hand, and what is not known."""

import math

import pytest

from rlc.experiments.report.figures.pricing import PRICES, Priced
from rlc.experiments.statistics.intervals import Estimate
from rlc.experiments.view.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart


def point(price, whole, right, low=None, high=None):
    return Priced(price, whole, 100.0, Estimate(right, low, high, 4, 4))


RAG, LONG = point(0.0, 0.0, 0.25), point(0.0, 1.0, 1.0)
FOUND = [point(PRICES[0], 1.0, 1.0, 0.5, 1.0), point(PRICES[13], 0.0, 0.5, 0.0, 1.0)]


def places(line):
    return [tuple(map(float, one.split(","))) for one in line.split()]


def test_by_hand():
    drawn = chart(FOUND, FOUND[1], RAG, LONG)
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    half = (TOP + bottom) / 2
    middle = LEFT + 13 / 25 * (right - LEFT)
    assert places(drawn.right) == [(LEFT, TOP), (pytest.approx(middle, abs=0.1), half), (right, half)]
    assert places(drawn.whole) == [(LEFT, TOP), (pytest.approx(middle, abs=0.1), bottom), (right, bottom)]
    assert places(drawn.band)[0] == (LEFT, half), "along the lower ends"
    assert places(drawn.band)[-1] == (LEFT, TOP), "and back along the upper ones"
    assert drawn.at == pytest.approx(middle)
    assert (drawn.long, drawn.rag) == (TOP, bottom - 0.25 * (bottom - TOP))
    assert drawn.prices[0] == (LEFT, 0.0)
    assert drawn.prices[-1] == (right, math.inf)


@pytest.mark.parametrize("price", [0.0, 5e-6, 0.003, 0.1, math.inf])
def test_every_price_stands_within_the_field_and_higher_ones_further_on(price):
    at = chart(FOUND, point(price, 0.0, 0.5), RAG, LONG).at
    assert LEFT <= at <= WIDTH - RIGHT
    assert all(x <= at for x, lower in chart(FOUND, RAG, RAG, LONG).prices if lower <= price)


def test_what_is_not_known_is_not_drawn():
    drawn = chart([point(0.0, 0.5, None)], RAG, point(0.0, 0.0, None), LONG)
    assert (drawn.right, drawn.band, drawn.rag) == ("", "", None)
    assert drawn.whole
