import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.tokens import ApproximateTokenizer
from rlc.retrievers.select import (
    Conformal,
    MaximalMarginalRelevance,
    ScoreDrop,
    TokenBudget,
    Top,
    before_the_drop,
    conformal_threshold,
    maximal_marginal_relevance,
)

scores = st.lists(st.floats(-5, 5), max_size=12).map(lambda values: sorted(values, reverse=True))


def ranking(*values):
    return [
        Document(id=f"d{i}", page_content="one two", metadata={"relevance_score": value})
        for i, value in enumerate(values)
    ]


def ids(documents):
    return [document.id for document in documents]


def test_mmr_by_hand():
    """The second vector repeats the first, so with variety weighed the third comes before it."""
    query = np.array([1, 0], np.float32)
    vectors = np.array([[0.96, 0.28], [0.95, 0.3122499], [0.8, -0.6]], np.float32)
    assert maximal_marginal_relevance(query, vectors, 3, trade=0.5) == [0, 2, 1]
    assert maximal_marginal_relevance(query, vectors, 3, trade=1.0) == [0, 1, 2]


@given(st.integers(0, 8), st.integers(1, 10), st.integers(0, 100))
def test_mmr_chooses_different_ones(count, k, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    chosen = maximal_marginal_relevance(np.ones(3, np.float32), vectors, k)
    assert len(set(chosen)) == len(chosen) == min(k, count)


def test_drop_by_hand():
    assert before_the_drop([1.0, 0.9, 0.3, 0.2], drop=0.5) == 2
    assert before_the_drop([1.0, 0.9, 0.3, 0.2], drop=0.5, least=3) == 4
    assert before_the_drop([0.5, 0.5], drop=0.5) == 2
    assert before_the_drop([], drop=0.5) == 0


@given(scores, st.floats(0.01, 0.99))
def test_drop_is_free_of_scale(values, drop):
    doubled = [2 * value for value in values]
    assert before_the_drop(doubled, drop) == before_the_drop(values, drop)


def test_conformal_by_hand():
    """Nine held-out questions and alpha 0.2: the second smallest score."""
    held_out = [0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.5]
    assert conformal_threshold(held_out, 0.2) == 0.2
    assert conformal_threshold(held_out, 0.05) == -math.inf
    assert ids(Conformal.fit(held_out, 0.2).refine(ranking(0.9, 0.2, 0.1), "q")) == ["d0", "d1"]


def test_conformal_covers_unseen_questions():
    """Over many draws of held-out and unseen questions, the evidence is kept at least 1 - alpha of the time."""
    generator = np.random.default_rng(0)
    kept = [
        np.mean(generator.beta(5, 2, 200) >= conformal_threshold(generator.beta(5, 2, 50).tolist(), 0.1))
        for _ in range(300)
    ]
    assert np.mean(kept) + 0.005 >= 0.9
    assert np.mean(kept) < 0.94, "and not much more, or nothing would be cut off"


@given(st.integers(1, 30))
def test_budget_is_never_exceeded_and_takes_all_that_fits(tokens):
    kept = TokenBudget(tokens=tokens).refine(ranking(*range(5)), "q")
    used = sum(ApproximateTokenizer().count(document.page_content) for document in kept)
    assert used <= tokens
    assert len(kept) == min(5, tokens // 2)


def test_steps_keep_the_order(words):
    documents = ranking(1.0, 0.9, 0.1)
    assert ids(Top(k=2).refine(documents, "q")) == ["d0", "d1"]
    assert ids(ScoreDrop().refine(documents, "q")) == ["d0", "d1"]
    assert ids(MaximalMarginalRelevance(encoder=words, k=2).refine(documents, "one")) == ["d0", "d1"]
    assert Top(k=2).as_runnable().invoke({"documents": documents, "query": "q"}) == documents[:2]


def test_bad_input():
    with pytest.raises(ValueError, match=r"alpha must be in \(0, 1\)"):
        conformal_threshold([0.1], 1.0)
    with pytest.raises(ValueError, match="no relevance_score"):
        ScoreDrop().refine([Document("x")] * 2, "q")
    with pytest.raises(ValueError, match="Extra inputs"):
        Top(k=1, kk=2)
