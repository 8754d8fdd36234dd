"""Every kind of interval that is printed, held against a world whose truth is known: a seeded, short simulation."""

import numpy as np
import pytest

from rlc.experiments.research.interval_coverage import LAYOUTS, STATISTICS, Statistic, coverage, draw
from rlc.experiments.statistics.intervals import estimate

RUNS = 40
LEAST = 0.85  # three standard errors of 40 runs below 95%


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", STATISTICS)
def test_intervals_hold_the_truth(name, layout):
    held, given = coverage(STATISTICS[name], LAYOUTS[layout], RUNS, times=60)
    if name == "break-even" and layout == "one question a document":
        assert given == 0, "no document has a further question"
    else:
        assert given == RUNS
        assert held >= LEAST


def test_the_best_settings_own_interval_would_not_hold_it():
    """The evil twin: of equal settings the best looks better than it is."""
    own = Statistic(
        lambda d: (lambda best: (best.low, best.high))(
            estimate(d.settings[d.settings.mean(1).argmax()], d.documents)
        ),
        STATISTICS["best setting of a sweep, chosen by other documents"].value,
    )
    assert coverage(own, LAYOUTS["LaRA"], RUNS, times=60)[0] < LEAST


def test_a_draw_has_the_layout_it_was_asked_for():
    layout = LAYOUTS["LaRA"]
    one = draw(layout, np.random.default_rng(0))
    assert len(one.long) == sum(cell.documents * cell.questions for cell in layout)
    assert len(set(one.documents)) == one.first.sum() == 76
    assert one.cells[0] == ("loc", "book", "book/0")
