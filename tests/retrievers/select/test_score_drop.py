import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.retrievers.select.score_drop import ScoreDrop, before_the_drop

scores = st.lists(st.floats(-5, 5), max_size=12).map(lambda values: sorted(values, reverse=True))


def test_drop_by_hand():
    assert before_the_drop([1.0, 0.9, 0.3, 0.2], drop=0.5) == 2
    assert before_the_drop([1.0, 0.9, 0.3, 0.2], drop=0.5, least=3) == 4
    assert before_the_drop([0.5, 0.5], drop=0.5) == 2
    assert before_the_drop([], drop=0.5) == 0


@given(scores, st.floats(0.01, 0.99))
def test_drop_is_free_of_scale(values, drop):
    doubled = [2 * value for value in values]
    assert before_the_drop(doubled, drop) == before_the_drop(values, drop)


def test_documents_before_the_drop_stay_in_order(ranking):
    assert [document.id for document in ScoreDrop().refine(ranking(1.0, 0.9, 0.1), "q")] == ["d0", "d1"]


def test_documents_without_scores():
    with pytest.raises(ValueError, match="no relevance_score"):
        ScoreDrop().refine([Document("x")] * 2, "q")
