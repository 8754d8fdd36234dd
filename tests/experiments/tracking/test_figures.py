"""Which figures are logged, under which names."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.experiments.runs.summary import summarise
from rlc.experiments.study.study import make_study
from rlc.experiments.tracking.figures import HEADLINE, metric_name, metrics_of, silver_ranks


@pytest.fixture
def figures(stored):
    """A reader's metrics, with the documents at hand or without."""

    def make(reader, *, dataset=True):
        study = make_study(stored, dataset=stored.dataset() if dataset else None)
        summary = next(one for one in summarise(stored.frame) if one["reader"] == reader)
        return metrics_of(study, study.reader(reader), summary)

    return make


def test_groups_by_hand(figures):
    found = figures("rag")
    assert found["answer/accuracy"] == 0.5  # of the two questions with a gold answer
    assert (found["answer/judged"], found["answer/n"], found["answer/failures"]) == (2, 3, 0)
    assert found["answer/accuracy_low"] <= 0.5 <= found["answer/accuracy_high"]
    assert found["retrieval/silver_questions"] == 1  # no document holds "1,902 sacks"
    assert found["retrieval/silver_recall"] == 1
    assert found["retrieval/silver_recall_at_1"] == found["retrieval/silver_reciprocal_rank"] == 1
    assert found["cost/prompt_tokens"] > 0
    assert {key.partition("/")[0] for key in found} == {"answer", "retrieval", "cost"}


def test_a_router_has_shares_and_its_arms_recall_is_not_its_own(figures):
    found = figures("length")
    assert sum(value for key, value in found.items() if key.startswith("router/share_")) == 1
    assert not [key for key in found if key.startswith("retrieval/")]
    assert "router/gain" in found


def test_what_is_unknown_is_left_out(figures):
    found = figures("rag", dataset=False)
    assert "retrieval/passages" in found
    assert "retrieval/silver_recall" not in found
    assert all(map(math.isfinite, found.values()))
    assert not [key for key in figures("long") if key.startswith("retrieval/")]


def test_silver_ranks_count_the_passages_of_the_own_document_only(stored):
    rows = stored.frame.filter(reader="rag")
    assert silver_ranks(rows.clear(), stored.dataset()) == []
    assert all(rank is None or rank >= 1 for rank in silver_ranks(rows, stored.dataset()))


@given(st.text(min_size=1))
def test_mlflow_takes_every_name(text):
    from mlflow.utils.validation import _validate_metric_name

    _validate_metric_name(metric_name(f"{text}/answer/accuracy"))


def test_headlines_stay_as_they_are():
    assert [metric_name(name) for name in HEADLINE] == list(HEADLINE)
    assert metric_name("./models/../a@5").count("/") == 3
    assert len({metric_name(f"{name}/answer/accuracy") for name in ("a@b", "a#b", "€", "£", "..", ".")}) == 6
