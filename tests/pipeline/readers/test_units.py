"""Units in a prompt, and what a reply says of them."""

import pytest

from rlc.data.errors import ContextOverflowError
from rlc.data.records import Document
from rlc.data.tokens import ApproximateTokenizer
from rlc.pipeline.readers.support.units import fitting, named_and_said, numbers_in, units_of


@pytest.mark.parametrize(
    ("room", "kept"), [(9, [0, 1, 2]), (6, [0, 2]), (3, [0]), (5, [0])], ids=["all", "ends", "one", "no more"]
)
def test_units_fit_from_both_ends(room, kept):
    assert fitting([3, 3, 3], room) == kept


def test_no_room_for_any_is_told():
    with pytest.raises(ContextOverflowError, match="has 3 tokens, and 2 are left"):
        fitting([3, 1], 2)


@pytest.mark.parametrize(("said", "places"), [("none", []), ("[2, 1]", [1, 0]), ("0 and 4", []), ("3", [2])])
def test_units_that_are_named(said, places):
    assert numbers_in(said, 3) == places


@pytest.mark.parametrize("colon", [":", "：", "**:"])
def test_a_reply_names_units_and_answers(colon):
    assert named_and_said(f"IDS: 2\nanswer{colon} Cyd.") == ("IDS: 2\n", "Cyd.")
    assert named_and_said("Cyd.") == ("", "Cyd.")


def test_marked_passages_are_units_whatever_their_size():
    marked = Document(id="d", page_content="Ann. Bob. ", metadata={"passages": [(0, 4), (5, 9)]})
    assert [unit.page_content for unit in units_of(marked, 100, ApproximateTokenizer())] == ["Ann.", "Bob."]
