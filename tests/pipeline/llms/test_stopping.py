import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.pipeline.llms.support.stopping import cut_at_stop


@pytest.mark.parametrize(
    ("text", "stop", "cut"),
    [
        ("Paris.\nQuestion:", ["\n", "Q"], ("Paris.", True)),
        ("Paris.\nQuestion:", ["Q", "\n"], ("Paris.", True)),
        ("Paris", ["\n"], ("Paris", False)),
        ("Paris", [], ("Paris", False)),
        ("Paris", [""], ("Paris", False)),
        ("Paris", ["Paris"], ("", True)),
        ("aab", ["ab"], ("a", True)),
    ],
)
def test_by_hand(text, stop, cut):
    assert cut_at_stop(text, stop) == cut


@given(text=st.text("ab\n"), stop=st.lists(st.text("ab\n", min_size=1, max_size=2), max_size=3))
def test_nothing_of_a_stop_string_is_left(text, stop):
    cut, stopped = cut_at_stop(text, stop)
    assert text.startswith(cut)
    assert not any(s in cut for s in stop)
    assert stopped == any(s in text for s in stop)
