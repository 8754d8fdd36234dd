import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.fuse import HybridRetriever
from rlc.retrievers.fuse_scores import NORMS, weighted_score_fusion

scores = st.lists(st.integers(-100, 100).map(float), min_size=1, max_size=20)
every_norm = pytest.mark.parametrize("norm", sorted(NORMS))


def test_by_hand():
    """Min-max: the first list gives a 1 and b 0, the second b 1 and c 0; a and c fall to the floor, 0."""
    fused = weighted_score_fusion([[("a", 9.0), ("b", 1.0)], [("b", 0.8), ("c", 0.2)]], [0.25, 0.75])
    assert fused == [("b", 0.75), ("a", 0.25), ("c", 0.0)]


def test_norms_by_hand():
    values = np.array([1.0, 2.0, 3.0])
    deviation = (2 / 3) ** 0.5
    np.testing.assert_allclose(NORMS["min-max"](values), [0, 0.5, 1])
    np.testing.assert_allclose(NORMS["z"](values), [-1 / deviation, 0, 1 / deviation])
    np.testing.assert_allclose(
        NORMS["dbsf"](values), [0.5 - 1 / (6 * deviation), 0.5, 0.5 + 1 / (6 * deviation)]
    )


@every_norm
@given(scores)
def test_norms_keep_the_order_and_ignore_scale(norm, values):
    normalised = NORMS[norm](np.array(values))
    assert np.all(np.isfinite(normalised))
    assert np.all(np.diff(normalised[np.argsort(values)]) >= -1e-12)
    np.testing.assert_allclose(NORMS[norm](np.array(values) * 4 + 8), normalised, atol=1e-9)


@every_norm
def test_equal_scores_and_empty_lists_are_no_trouble(norm):
    fused = weighted_score_fusion([[("b", 1.0), ("a", 1.0)], []], [1, 1], norm)
    assert [id_ for id_, _ in fused] == ["a", "b"]


def test_an_empty_list_does_not_end_the_others():
    fused = weighted_score_fusion([[], [("a", 1.0), ("b", 0.0)]], [1, 1])
    assert fused == [("a", 1.0), ("b", 0.0)]


def test_of_a_repeated_id_the_first_counts():
    assert weighted_score_fusion([[("a", 3.0), ("b", 2.0), ("a", 1.0)]], [1]) == [("a", 1.0), ("b", 0.0)]


def test_bad_input():
    with pytest.raises(ValueError, match="no norm 'minmax'; did you mean 'min-max'"):
        weighted_score_fusion([[("a", 1.0)]], [1], "minmax")
    with pytest.raises(ValueError, match="expected 1 weights"):
        weighted_score_fusion([[("a", 1.0)]], [1, 2])


@every_norm
def test_hybrid_fuses_by_scores(documents, norm):
    hybrid = HybridRetriever.from_documents(
        documents, members=[BM25Retriever.from_documents] * 2, fusion=norm, weights=[0.5, 0.5]
    )
    found = hybrid.invoke("the cat")
    assert [d.id for d in found] == [d.id for d in BM25Retriever.from_documents(documents).invoke("the cat")]
