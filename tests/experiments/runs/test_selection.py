"""Choosing questions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.errors import UsageError
from rlc.data.records import Dataset, Example
from rlc.experiments.runs.selection import limit, where

TASKS = ("location", "reasoning", "comp", "hallu")


def dataset(per_task=(10, 6, 2, 8)):
    document = Document(id="d", page_content="text")
    examples = tuple(
        Example(f"{task}-{i}", "Why?", document, task=task, metadata={"length": "32k" if i % 2 else "128k"})
        for task, count in zip(TASKS, per_task, strict=True)
        for i in range(count)
    )
    return Dataset("made", examples, {"d": document}, "r")


def test_where_keeps_the_examples_that_meet_all_conditions():
    kept = where(dataset(), ["length=32k", "task=location,comp"]).examples
    assert [e.id for e in kept] == [*(f"location-{i}" for i in (1, 3, 5, 7, 9)), "comp-1"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("length", "expected field=value"),
        ("task=locatoin", "did you mean 'location'"),
        ("lenght=32k", "did you mean 'length'"),
    ],
)
def test_where_says_what_is_wrong(condition, message):
    with pytest.raises(UsageError, match=message):
        where(dataset(), [condition])


def test_limit_draws_evenly_from_the_tasks():
    drawn = Counter(example.task for example in limit(dataset(), 12, seed=0).examples)
    assert drawn == {
        "hallu": 4,
        "location": 3,
        "reasoning": 3,
        "comp": 2,
    }  # the last turn goes by the task's name


@given(count=st.integers(1, 40), seed=st.integers(0, 5))
def test_limit_is_a_seeded_subset_in_order_and_grows_by_adding(count, seed):
    data = dataset()
    ids = [example.id for example in data.examples]
    chosen = [example.id for example in limit(data, count, seed).examples]
    assert chosen == [i for i in ids if i in set(chosen)]
    assert len(chosen) == min(count, len(ids))
    assert set(chosen) <= {example.id for example in limit(data, count + 1, seed).examples}


def test_limit_depends_on_the_seed_and_refuses_nothing():
    data = dataset()
    assert limit(data, 4, seed=0).examples != limit(data, 4, seed=1).examples
    with pytest.raises(ValueError, match="at least 1"):
        limit(data, 0, seed=0)
