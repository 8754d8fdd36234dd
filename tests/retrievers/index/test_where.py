from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.data.errors import DataError
from rlc.retrievers import BM25Retriever
from rlc.retrievers.index.collection import Collection
from rlc.retrievers.index.where import check, for_store, keeps

METADATA = [
    {"year": 1999, "kind": "a", "on": date(2001, 5, 1)},
    {"year": 2000, "kind": "b", "on": date(2002, 5, 1)},
    {"year": 2009.5, "kind": "a", "tags": ["x"]},
    {"year": 2010, "kind": "Abc"},
    {"kind": "c"},
]
COLLECTION = Collection.of(
    [Document(id=str(i), page_content="x", metadata=m) for i, m in enumerate(METADATA)]
)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"year": 2000}, [1]),
        ({"year": {"$gte": 2000, "$lt": 2010}, "kind": ["a", "b"]}, [1, 2]),
        ({"year": {"$gt": 2000}}, [2, 3]),
        ({"year": {"$lte": 2000}}, [0, 1]),
        ({"year": {"$between": [2000, 2010]}}, [1, 2, 3]),
        ({"year": {"$ne": 2000}}, [0, 2, 3, 4]),  # what has none is not equal either
        ({"year": {"$nin": [1999, 2000]}}, [2, 3, 4]),
        ({"year": {"$exists": False}}, [4]),
        ({"kind": {"$in": ["b", "c"]}}, [1, 4]),
        ({"kind": {"$like": "A%"}}, [3]),
        ({"kind": {"$ilike": "a%"}}, [0, 2, 3]),
        ({"on": {"$lt": date(2002, 1, 1)}}, [0]),
        ({"$or": [{"kind": "c"}, {"year": {"$lt": 2000}}]}, [0, 4]),
        ({"$not": {"$and": [{"kind": "a"}, {"year": 1999}]}}, [1, 2, 3, 4]),
    ],
)
def test_by_hand(where, rows):
    assert COLLECTION.rows(where).tolist() == rows
    assert [i for i, metadata in enumerate(METADATA) if keeps(where, metadata)] == rows


def test_a_retriever_keeps_to_it():
    documents = [Document(id=str(i), page_content="fox", metadata=m) for i, m in enumerate(METADATA)]
    found = BM25Retriever.from_documents(documents).invoke(
        "fox", where={"year": {"$gte": 2000}, "kind": ["a", "b"]}
    )
    assert [document.id for document in found] == ["1", "2"]


@pytest.mark.parametrize(
    ("where", "error", "said"),
    [
        ({"year": {"$gth": 2000}}, ValueError, "did you mean '\\$gt"),
        ({"year": {"gte": 2000}}, ValueError, "no operator"),
        ({"$nor": []}, ValueError, "no connective"),
        ({"kind": []}, ValueError, "a list of values"),
        ({"year": {"$between": 2000}}, ValueError, "two bounds"),
        ({"year": {"$lt": "2000"}}, DataError, "such as 1999: give a bound of that type"),
        ({"yaer": {"$lt": 2000}}, DataError, "'yaer'"),
    ],
)
def test_what_is_no_filter_is_told(where, error, said):
    with pytest.raises(error, match=said):
        COLLECTION.rows(where)


VALUES = st.integers(1998, 2011)
CONDITIONS = st.one_of(
    VALUES,
    st.lists(VALUES, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["$gt", "$lte", "$ne", "$eq"]), VALUES, min_size=1),
)
FILTERS = st.recursive(
    st.builds(lambda year, kind: {"year": year, "kind": {"$ne": kind}}, CONDITIONS, st.sampled_from("abc")),
    lambda inner: (
        st.builds(
            lambda name, some: {name: some},
            st.sampled_from(["$and", "$or"]),
            st.lists(inner, min_size=1, max_size=2),
        )
        | st.builds(lambda one: {"$not": one}, inner)
    ),
    max_leaves=4,
)


@given(FILTERS)
def test_the_form_for_stores_keeps_the_same(where):
    check(where)
    kept = [i for i, metadata in enumerate(METADATA) if keeps(where, metadata)]
    assert [i for i, metadata in enumerate(METADATA) if keeps(for_store(where), metadata)] == kept
    assert COLLECTION.rows(where).tolist() == kept
