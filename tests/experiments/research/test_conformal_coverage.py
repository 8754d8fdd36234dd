import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.experiments.research.conformal_coverage import Ranked, by_rank, line, unseen


def question(document, scores, first):
    scores = np.array(scores, dtype=float)
    return Ranked(document, scores, np.arange(1, len(scores) + 1) / 10, first)


def test_kept_by_hand():
    row = question("d", [0.9, 0.7, 0.7, 0.2], first=3)
    assert row.needed == 0.7
    assert row.kept(0.7) == (1.0, 3.0, 0.3)
    assert row.kept(0.8) == (0.0, 1.0, 0.1)
    assert row.kept(2.0) == (0.0, 0.0, 0.0)


def test_what_no_ranking_holds_is_never_covered():
    row = question("d", [0.9, 0.7], first=None)
    assert row.needed == -np.inf
    assert row.kept(-np.inf) == (0.0, 2.0, 0.2)


def test_minus_the_rank_is_a_fixed_k():
    [row] = by_rank([question("d", [9, 8, 7, 6], first=2)])
    assert row.needed == -2
    assert row.kept(-3)[:2] == (1.0, 3.0)


def test_half_of_the_documents_is_unseen():
    rows = [question(f"d{i % 7}", [0.5], 1) for i in range(21)]
    found = unseen(rows, 0.1, seed=0)
    assert len({rows[i].document for i in found}) == 4, "the larger half of seven"
    assert len(found) == 12
    assert found == unseen(rows, 0.1, seed=0)


@given(st.integers(0, 5), st.sampled_from([0.05, 0.1, 0.2]))
def test_coverage_holds_on_average_where_documents_are_alike(seed, alpha):
    """One question a document, scores of one distribution: the promise, but for chance."""
    generator = np.random.default_rng(seed)
    rows = [
        question(f"d{i}", np.sort(generator.random(20))[::-1], int(generator.integers(1, 21)))
        for i in range(200)
    ]
    covered = [np.mean([row[0] for row in unseen(rows, alpha, split).values()]) for split in range(20)]
    assert np.mean(covered) >= 1 - alpha - 0.05


def test_the_line_names_what_was_promised():
    rows = [question(f"d{i}", [0.9, 0.5, 0.1], 1 + i % 2) for i in range(40)]
    text = line("BM25", rows, 0.2, splits=3)
    assert text.startswith("| BM25 | 80% | 100.0% [")
    assert text.endswith("20.0% |\n")


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_bad_alpha(alpha):
    with pytest.raises(ValueError, match="alpha must be in"):
        unseen([question("a", [1], 1), question("b", [1], 1)], alpha, 0)
