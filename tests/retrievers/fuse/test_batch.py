import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.fuse.batch import reciprocal_rank_fusion_batch, weighted_score_fusion_batch
from rlc.retrievers.fuse.ranks import reciprocal_rank_fusion
from rlc.retrievers.fuse.scores import NORMS

IDS = "abcdefgh"  # a document's number is its letter's place
ranking = st.lists(st.integers(0, len(IDS) - 1), unique=True)
scored_ranking = st.dictionaries(st.integers(0, len(IDS) - 1), st.integers(-9, 9).map(lambda i: i / 7))
weights = st.lists(st.sampled_from([0.3, 1.0, 2.5, -1.0]), min_size=3, max_size=3) | st.none()


def table(lists, filler=-1, dtype=np.int64):
    """One ranking's lists, a row a query."""
    width = max(map(len, lists), default=0)
    return np.array([[*row, *[filler] * (width - len(row))] for row in lists], dtype).reshape(
        len(lists), width
    )


def pairs(fused):
    """What the function for one query gives, for every query."""
    return [
        [(IDS[number], score) for number, score in zip(numbers, scores, strict=True) if number >= 0]
        for numbers, scores in zip(*(array.tolist() for array in fused), strict=True)
    ]


def test_by_hand():
    documents, scores = reciprocal_rank_fusion_batch([table([[0, 1], [3]]), table([[1, 2], []])], k=1)
    assert documents.tolist() == [[1, 0, 2, -1], [3, -1, -1, -1]]
    np.testing.assert_allclose(scores[0, :3], [1 / 2 + 1 / 3, 1 / 2, 1 / 3])
    assert scores[1].tolist() == [0.5, -np.inf, -np.inf, -np.inf]


def test_scores_by_hand():
    """Min-max: the first list gives a 1 and b 0, the second b 1 and c 0; a and c fall to the floor, 0."""
    fused = weighted_score_fusion_batch(
        [table([[0, 1]]), table([[1, 2]])], [np.array([[9.0, 1.0]]), np.array([[0.8, 0.2]])], [0.25, 0.75]
    )
    assert pairs(fused) == [[("b", 0.75), ("a", 0.25), ("c", 0.0)]]


@pytest.mark.parametrize("norm", sorted(NORMS))
def test_equal_scores_go_by_id_and_an_empty_list_adds_nothing(norm):
    fused = weighted_score_fusion_batch(
        [table([[1, 0]]), table([[]])], [np.ones((1, 2)), np.ones((1, 0))], norm=norm
    )
    assert [id_ for id_, _ in pairs(fused)[0]] == ["a", "b"]


@given(st.lists(st.tuples(ranking, ranking, ranking), max_size=4), st.integers(0, 60), weights)
def test_ranks_fuse_as_they_do_one_query_at_a_time(queries, k, weights):
    given_ = [table(lists) for lists in zip(*queries, strict=True)] or [table([])] * 3
    expected = [
        reciprocal_rank_fusion([[IDS[i] for i in row] for row in rows], k, weights) for rows in queries
    ]
    assert pairs(reciprocal_rank_fusion_batch(given_, k, weights)) == expected


@pytest.mark.parametrize("norm", sorted(NORMS))
@given(st.lists(st.tuples(scored_ranking, scored_ranking, scored_ranking), max_size=4), weights)
def test_scores_fuse_as_they_do_one_query_at_a_time(plain_score_fusion, norm, queries, weights):
    members = list(zip(*queries, strict=True)) or [[]] * 3
    rankings = [table([list(row) for row in rows]) for rows in members]
    scores = [table([list(row.values()) for row in rows], 0, np.float64) for rows in members]
    expected = [
        plain_score_fusion([[(IDS[i], s) for i, s in row.items()] for row in rows], weights, norm)
        for rows in queries
    ]
    assert pairs(weighted_score_fusion_batch(rankings, scores, weights, norm)) == expected


def test_bad_input():
    rows = [table([[0, 1]]), table([[2, 0]])]
    with pytest.raises(ValueError, match="a list names a document twice"):
        reciprocal_rank_fusion_batch([table([[1, 0, 1]])])
    with pytest.raises(ValueError, match="expected 2 weights"):
        reciprocal_rank_fusion_batch(rows, weights=[1])
    with pytest.raises(ValueError, match="k must be at least 0"):
        reciprocal_rank_fusion_batch(rows, -1)
    with pytest.raises(ValueError, match="no norm 'minmax'; did you mean 'min-max'"):
        weighted_score_fusion_batch(rows, [np.zeros((1, 2))] * 2, norm="minmax")
