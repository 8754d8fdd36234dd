import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlc.data.errors import DataError
from rlc.retrievers.support.passages import assemble, by_source

TEXT = "alpha beta gamma delta epsilon zeta eta theta iota kappa"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 9), overlap=st.integers(0, 5), data=st.data())
def test_any_covered_span_is_its_slice(cut, size, overlap, data):
    spans = [(a, min(a + size + overlap, len(TEXT))) for a in range(0, len(TEXT), size)]
    source = by_source(cut(TEXT, spans))["t"]
    start = data.draw(st.integers(0, len(TEXT) - 1))
    end = data.draw(st.integers(start + 1, len(TEXT)))
    assert assemble(source, start, end) == TEXT[start:end]


def test_a_span_that_the_chunks_do_not_cover(cut):
    text = "x" * 100
    with pytest.raises(DataError, match="hold no text at 10"):
        assemble(cut(text, [(0, 10), (60, 100)]), 0, 100)
