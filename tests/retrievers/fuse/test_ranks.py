import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.fuse.ranks import reciprocal_rank_fusion

rankings = st.lists(st.lists(st.sampled_from("abcdefgh")), max_size=2)


def test_rrf_by_hand():
    fused = reciprocal_rank_fusion([["a", "b"], ["b", "c"]], k=1)
    assert fused == [
        ("b", pytest.approx(1 / 3 + 1 / 2)),
        ("a", pytest.approx(1 / 2)),
        ("c", pytest.approx(1 / 3)),
    ]


def test_rrf_weights_by_hand():
    fused = reciprocal_rank_fusion([["a"], ["b"]], k=60, weights=[1, 3])
    assert fused == [("b", pytest.approx(3 / 61)), ("a", pytest.approx(1 / 61))]


def test_rrf_counts_a_repeated_document_once_at_its_better_rank():
    assert reciprocal_rank_fusion([["a", "a", "b"]], k=0) == [("a", 1.0), ("b", 0.5)]


@given(rankings)
def test_rrf_order_of_rankings_does_not_matter_and_ties_go_by_id(lists):
    fused = reciprocal_rank_fusion(lists)
    assert fused == reciprocal_rank_fusion(lists[::-1])
    assert fused == sorted(fused, key=lambda pair: (-pair[1], pair[0]))
    assert {id_ for id_, _ in fused} == {id_ for ranking in lists for id_ in ranking}


@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_rrf_of_one_ranking_is_that_ranking(ranking):
    assert [id_ for id_, _ in reciprocal_rank_fusion([ranking, ranking])] == ranking


@pytest.mark.parametrize(
    ("settings", "message"), [({"weights": [1]}, "expected 2 weights"), ({"k": -1}, "k must be")]
)
def test_rrf_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        reciprocal_rank_fusion([["a"], ["b"]], **settings)
