import pytest

from rlc.data.records import Dataset, Document, Evidence, Example, pages_of, passages_of


def test_the_documents_that_are_asked_about():
    one, other, third = (Document(id=name, page_content=name) for name in "abc")
    examples = (Example("1", "?", one), Example("2", "?", one), Example("3", "?", other))
    dataset = Dataset("own", examples, {d.id: d for d in (one, other, third)}, "r")
    assert dataset.asked == {"a", "b"}
    assert dataset.where(lambda example: example.id == "3").asked == {"b"}


TWO_PAGES = "One page.\n\nAnother."  # the second begins at character 11


@pytest.mark.parametrize(
    ("text", "pages"), [("One", (1, 1)), ("page.\n\n", (1, 1)), ("page.\n\nA", (1, 2)), ("Another.", (2, 2))]
)
def test_the_pages_that_a_span_stands_on(text, pages):
    start = TWO_PAGES.index(text)
    assert pages_of({"pages": (0, 11)}, start, start + len(text)) == pages
    assert pages_of({"pages": [0, 11]}, start, start + len(text)) == pages


@pytest.mark.parametrize("told", [None, 12, "12", (), ("i", "ii"), (0.0, 11.0)])
def test_metadata_that_are_no_page_starts_give_no_pages(told):
    assert pages_of({"pages": told}, 0, 3) is None


def test_pages_tell_no_two_pieces_of_one_passage_apart():
    kept = [
        Evidence("d", 0, 3, passage=(0, 19), pages=(1, 1)),
        Evidence("d", 11, 18, passage=(0, 19), pages=(2, 2)),
    ]
    assert passages_of(kept) == (Evidence("d", 0, 19),)
