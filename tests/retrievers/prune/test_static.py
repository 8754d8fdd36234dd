import pytest
from langchain_core.documents import Document

from rlc.retrievers.prune.static import StaticPruner, quality

PROSE = (
    "The committee of the board met in May and agreed that the dividend is to be paid to all of the holders."
)
CONTENTS = "Item 1 ............ 3\nItem 2 ............ 7\nItem 3 ............ 9\n"


def test_prose_is_better_than_a_table_of_contents():
    assert quality(PROSE) == 1
    assert quality(CONTENTS) < 0.25
    assert quality("") == quality("1234 ---") == 0


def test_repeated_lines_count_once():
    assert quality("the end of the day\n" * 4) == pytest.approx(0.25)


def test_whole_passages_stay_or_go():
    given = [Document(page_content=PROSE), Document(page_content=CONTENTS)]
    [found] = StaticPruner().refine(given, "any")
    assert found.page_content == PROSE
    assert found.metadata["kept_spans"] == [[0, len(PROSE)]]
    assert StaticPruner().filter(given) == given[:1]
    assert [d.page_content for d in StaticPruner(threshold=0).refine(given, "any")] == [PROSE, CONTENTS]


def test_short_passages_are_of_quality_0():
    assert StaticPruner().filter([Document(page_content="It is so.")]) == []
