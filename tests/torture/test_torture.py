"""The small form of `make torture`: one round of everything, with a fixed seed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.mark.slow
def test_nothing_is_lost_wrong_or_silent():
    from torture import bad, table, torture

    totals = torture(seed=1, rounds=1)
    assert not bad(totals), table(totals)
