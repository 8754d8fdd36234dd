import pytest

from rlc.retrievers.select.top import Top


def test_the_first_stay(ranking):
    assert [document.id for document in Top(k=2).refine(ranking(1.0, 0.9, 0.1), "q")] == ["d0", "d1"]


def test_bad_input():
    with pytest.raises(ValueError, match="Extra inputs"):
        Top(k=1, kk=2)
