import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.records import Usage
from rlc.pipeline.llms.support.batching import (
    BLOCK,
    Link,
    apart,
    chained,
    charged,
    covered,
    documents,
    shared_tokens,
    unchained,
)

A, B = list(range(100)), list(range(1000, 1100))


def test_a_document_stands_in_a_call_once():
    links = chained([[*A, 7], [*A, 8, 9], [*B, 7]])
    assert links == [Link(0, [*A, 7]), Link(100, [8, 9]), Link(0, [*B, 7])]
    assert documents(links) == [slice(0, 2), slice(2, 3)]


@given(st.lists(st.lists(st.integers(0, 3), min_size=1), max_size=6))
def test_chaining_loses_nothing(prompts):
    assert unchained(chained(prompts)) == prompts


@pytest.mark.parametrize("at", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_shared_tokens_by_hand(at):
    left = [1] * (3 * BLOCK)
    assert shared_tokens(left, [*left[:at], 2]) == at
    assert shared_tokens(left, left[:at]) == at


def test_large_documents_stand_alone_and_small_ones_together():
    runs = [slice(0, 5), slice(5, 6), slice(6, 7), slice(7, 12), slice(12, 13)]
    assert apart(runs, 5) == [slice(0, 5), slice(5, 7), slice(7, 12), slice(12, 13)]
    assert apart(runs, 9) == [slice(0, 13)]


def test_covered_by_hand():
    assert covered([(0, 2), (1, 3), (5, 6), (5, 5.5)]) == 4
    assert covered([]) == 0


def test_charges_by_hand():
    reader = Usage(prompt_tokens=100, output_tokens=1, seconds=9.0)
    further = Usage(prompt_tokens=100, cached_tokens=75, output_tokens=3, seconds=9.0)
    first, second = charged([reader, further], wall=10.0, reading=5.0)
    assert (first.prefill_seconds, second.prefill_seconds) == (4.0, 1.0)
    assert (first.decode_seconds, second.decode_seconds) == (1.25, 3.75)
    assert first.seconds + second.seconds == 10.0
    assert first.latency == second.latency == 9.0


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), min_size=1, max_size=8),
    st.floats(0, 10),
    st.floats(0, 20),
)
def test_a_call_is_charged_once(counts, wall, reading):
    usages = [Usage(prompt_tokens=50, cached_tokens=cached, output_tokens=new) for cached, new in counts]
    assert sum(u.seconds for u in charged(usages, wall, reading)) == pytest.approx(wall)
