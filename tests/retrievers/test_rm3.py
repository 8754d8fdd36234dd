import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rlc.retrievers.bm25 import BM25Retriever
from rlc.retrievers.rm3 import RM3Retriever, relevance_model, rm3

TEXTS = ["harbour lamp", "lamp keeper ada", "ada lowe", "tom ships", "wool", "corn"]


def documents():
    return [Document(id=f"d{i}", page_content=text, metadata={"n": i % 2}) for i, text in enumerate(TEXTS)]


def make(**settings):
    return RM3Retriever.from_documents(documents(), retriever=BM25Retriever.from_documents, **settings)


def scores(found):
    return {document.id: document.metadata["relevance_score"] for document in found}


def test_relevance_model_by_hand():
    found = relevance_model([["a", "b"], ["a", "a", "c", "d"], ["e"]], [3.0, 1.0, -2.0])
    assert found == {"a": 3 / 4 / 2 + 1 / 4 / 2, "b": 3 / 4 / 2, "c": 1 / 16, "d": 1 / 16}
    assert relevance_model([], []) == {}
    assert relevance_model([["a"]], [0.0]) == {}


def test_mixture_by_hand():
    model = {"a": 0.5, "b": 0.375, "d": 0.0625, "c": 0.0625}
    found = rm3(["x", "a"], model, terms=2, original=0.5)
    assert found == {
        "x": 0.5 / 2,
        "a": 0.5 / 2 + 0.5 * 0.5 / 0.875,
        "b": 0.5 * 0.375 / 0.875,
    }
    assert list(rm3(["x"], model, terms=3, original=0.0)) == ["a", "b", "c"], "ties by the alphabet"
    assert rm3(["x", "x", "a"], {}, terms=3, original=0.5) == {"x": 2 / 3, "a": 1 / 3}


@given(
    st.lists(st.sampled_from("abcx"), min_size=1),
    st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 1)),
    st.integers(1, 5),
    st.floats(0, 1),
)
def test_weights_are_positive_and_sum_up_to_one(query, model, terms, original):
    weights = rm3(query, model, terms, original)
    assert all(weight > 0 for weight in weights.values())
    assert sum(weights.values()) == pytest.approx(1)
    assert len(set(weights) - set(query)) <= terms


def test_scores_by_hand():
    """`lamp` finds d0 and d1, and d1's `ada` finds d2: the second search weighs BM25's impacts."""
    plain = BM25Retriever.from_documents(documents(), k=6)
    first = scores(plain.invoke("lamp"))
    assert list(first) == ["d0", "d1"]
    model = relevance_model([text.split() for text in TEXTS[:2]], list(first.values()))
    weights = rm3(["lamp"], model, terms=10, original=0.5)
    alone = {term: scores(plain.invoke(term)) for term in weights}
    expected = {
        id_: sum(weight * alone[term].get(id_, 0) for term, weight in weights.items())
        for id_ in ("d0", "d1", "d2")
    }
    assert scores(make(k=6).invoke("lamp")) == pytest.approx(expected)


def test_all_weight_on_the_query_is_bm25():
    plain = BM25Retriever.from_documents(documents(), k=6).search(
        ["lamp", "ada lowe", "ada ada", "nothing known"]
    )
    fed = make(k=6, original=1.0).search(["lamp", "ada lowe", "ada ada", "nothing known"])
    assert [[d.id for d in found] for found in fed] == [[d.id for d in found] for found in plain]


def test_terms_of_most_documents_are_not_fed_back():
    texts = ["the lamp", "the ship", "the sea", "the wool"]
    given = [Document(id=f"d{i}", page_content=text) for i, text in enumerate(texts)]
    fed = RM3Retriever.from_documents(given, retriever=BM25Retriever.from_documents)
    assert [document.id for document in fed.invoke("lamp")] == ["d0"]


def test_a_filter_holds_for_what_is_fed_back():
    assert list(scores(make(k=6).invoke("lamp", where={"n": 0}))) == ["d0"], (
        "d1, which leads to d2, is not seen"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"original": 1.5}, "less than or equal to 1"),
        ({"feedback": 0}, "greater than or equal to 1"),
        ({"terms": 0}, "greater than or equal to 1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_only_bm25_feeds_back():
    with pytest.raises(ValueError, match="to a search by BM25, got RM3Retriever: name bm25"):
        RM3Retriever.from_documents(
            documents(),
            retriever=lambda given: RM3Retriever.from_documents(
                given, retriever=BM25Retriever.from_documents
            ),
        )
