"""First and further questions: by hand, the law of the mean, and where two arms meet."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.experiments.metrics.amortised import BreakEven, Costs, break_even, costs_of, crossing
from rlc.experiments.report.sections.amortised import formula, in_words
from rlc.experiments.runs.results import to_frame
from rlc.experiments.runs.summary import summarise

READ = [{"document_id": "a", "start": 0, "end": 9, "score": None}]
SPENT = {"prompt_tokens": 0, "cached_tokens": 0, "index_tokens": 0, "index_seconds": 0.0, "seconds": 1.0}


def frame(*rows):
    return to_frame(
        [
            {
                "reader": "r",
                "example_id": str(i),
                "document_id": "a",
                "task": "t",
                "route": "r",
                **SPENT,
                **row,
            }
            for i, row in enumerate(rows)
        ]
    )


def costs(first, further, documents=4, questions=5):
    values = [value for _ in range(documents) for value in (first, *[further] * (questions - 1))]
    return Costs(
        np.array(values, dtype=float),
        np.array([i % questions == 0 for i in range(len(values))]),
        [f"d{i // questions}" for i in range(len(values))],
    )


def test_a_document_read_whole_by_hand():
    rows = frame(
        {"prompt_tokens": 1000, "cached_tokens": 30},
        {"prompt_tokens": 1000, "cached_tokens": 950},
        {"prompt_tokens": 1010, "cached_tokens": 950},
        {"prompt_tokens": 1000, "cached_tokens": 20},  # the cache had lost it: it is paid again
        {"prompt_tokens": 9999, "error": "failed"},
    )
    found = costs_of(rows, "tokens")
    assert found.first.tolist() == [True, False, False, True]
    assert (found.first_mean, found.further_mean) == (975, 55)
    assert found.at(10) == pytest.approx(97.5 + 0.9 * 55)
    assert found.questions == 4
    [summary] = summarise(rows)
    assert summary["cost"]["tokens"] == {"mean": found.mean, "first": 975, "further": 55}
    assert summary["cost"]["first_questions"] == 2
    assert summary["cost"]["seconds"]["further"] == 1.0


def test_retrieval_pays_for_its_index_and_its_passages_are_no_document():
    rows = frame(
        {"prompt_tokens": 500, "index_seconds": 0.5, "index_tokens": 70, "evidence": READ},
        {"prompt_tokens": 500, "cached_tokens": 100, "evidence": READ},
    )
    found = costs_of(rows, "tokens")
    assert found.first.tolist() == [True, False]
    assert found.values.tolist() == [570, 400]


def test_an_engine_that_tells_of_no_cache_has_first_questions_only():
    found = costs_of(frame({"prompt_tokens": 900}, {"prompt_tokens": 900}), "tokens")
    assert found.further_mean is None
    assert found.at(5) is None
    assert formula(found, 0) == "900 for every q"
    assert break_even(found, costs(2, 1)) == BreakEven("unknown")


def test_a_first_question_that_costs_no_more_buys_nothing():
    assert formula(costs(100, 10, questions=3), 0) == "90 / q + 10"
    assert formula(costs(10, 100, questions=3), 0) == "70 for every q"
    assert formula(costs(100.3, 100, questions=3), 0) == "100 for every q", "and not 0 / q + 100"


def test_what_the_formula_counts_stands_beside_its_numbers():
    assert formula(costs(100, 10, questions=3), 0, " seconds") == "90 / q + 10 seconds"
    assert formula(costs(10, 100, questions=3), 0, " seconds") == "70 seconds for every q"


@given(st.floats(1, 1e6), st.floats(0, 1e6), st.integers(1, 50), st.integers(2, 9), st.integers(1, 9))
def test_cost_at_the_runs_own_number_is_the_mean(first, further, q, questions, documents):
    made = costs(first, further, documents, questions)
    assert made.at(questions) == pytest.approx(made.mean)
    assert min(first, further) - 1e-6 <= made.at(q) <= max(first, further) + 1e-6


def test_crossing_by_hand():
    assert crossing(100, 10, 40, 40) == ("above", 3.0)
    assert crossing(100, 50, 40, 40) == ("never", None)
    assert crossing(30, 10, 40, 40) == ("always", None)
    side, questions = crossing(30, 50, 40, 40)
    assert (side, questions) == ("below", pytest.approx(2.0))


@given(*[st.floats(1, 1e4)] * 4)
def test_the_arms_cost_the_same_where_they_meet(long_first, long_further, rag_first, rag_further):
    _, q = crossing(long_first, long_further, rag_first, rag_further)
    if q is not None and math.isfinite(q):
        long, rag = (
            first / q + (1 - 1 / q) * further
            for first, further in ((long_first, long_further), (rag_first, rag_further))
        )
        assert q >= 1 - 1e-9
        assert long == pytest.approx(rag, rel=1e-6, abs=1e-3 * max(long_first, rag_first))


def test_break_even_is_resampled_by_document():
    long = costs(1000, 10)
    assert break_even(long, costs(40, 40)) == BreakEven("above", 33.0, 33.0, 33.0)
    noisy = Costs(
        long.values * np.repeat([0.5, 1, 1.5, 2], 5), long.first, long.documents
    )  # documents of other lengths
    found = break_even(noisy, costs(40, 40))
    assert found.low < found.questions < found.high


def test_in_words():
    assert in_words(BreakEven("above", 43.2, 40.1, math.inf)).startswith(
        "from 44 questions a document on (95% "
    )
    assert in_words(BreakEven("below", 2.9, 1.0, 3.5)) == "up to 2 questions a document (95% interval 1 to 3)"
    assert in_words(BreakEven("never")) == "never"


def test_bad_input():
    with pytest.raises(ValueError, match="at least 1"):
        costs(2, 1).at(0.5)
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        costs_of(frame({}), "minutes")
