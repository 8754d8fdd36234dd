import itertools

import pytest

from rlc.chunkers import HierarchyChunker, SectionChunker
from rlc.data.records import Document
from rlc.data.text.outline import Outline, headings, row_start

MARKDOWN = """# Pets
All about pets.

## Cats ##
Cats sleep.

```
# not a heading
```

## Dogs
Dogs run.
"""
FILING = """Item 1.     Financial Statements                    4
PART I – FINANCIAL INFORMATION

ITEM 1. FINANCIAL STATEMENTS

Note 2. Debt

3.1 Terms of the loan

The loan is described in
Note 7 below.
"""


def test_headings_of_markdown():
    found = headings(MARKDOWN)
    assert [(h.level, h.title) for h in found] == [(1, "Pets"), (2, "Cats"), (2, "Dogs")]
    assert [MARKDOWN[h.start] for h in found] == ["#"] * 3


def test_headings_of_filings_and_numbered_texts():
    text = FILING.replace("4\nPART", "4\n\nPART")
    assert [(h.level, h.title) for h in headings(text)] == [
        (1, "PART I – FINANCIAL INFORMATION"),
        (2, "ITEM 1. FINANCIAL STATEMENTS"),
        (3, "Note 2. Debt"),
        (4, "3.1 Terms of the loan"),
    ]
    assert [h.level for h in headings(text.replace("\n", "\r\n"))] == [1, 2, 3, 4]


def test_the_path_leads_down_to_the_place():
    outline = Outline(MARKDOWN)
    assert outline.path(0) == ("Pets",)
    assert outline.path(MARKDOWN.index("sleep")) == ("Pets", "Cats")
    assert outline.path(MARKDOWN.index("run")) == ("Pets", "Dogs")
    assert Outline("None.").path(3) == ()


def test_a_chunk_ends_before_a_heading_and_knows_its_section():
    chunks = SectionChunker(size=20).split(Document(page_content=MARKDOWN))
    assert [c.page_content.splitlines()[0] for c in chunks] == ["# Pets", "## Cats ##", "## Dogs"]
    assert chunks[-1].metadata["section"] == ["Pets", "Dogs"]


def test_a_place_inside_a_row_moves_to_its_beginning():
    text = "Cash\n\nTotal      1,000    2,000\n\nThe end of it"
    inside = text.index("2,000")
    assert row_start(text, 0, inside) == text.index("Total")
    assert row_start(text, text.index("Total") + 2, inside) == inside
    assert row_start(text, 0, text.index("end")) == text.index("end")


def test_a_table_is_not_cut_inside_a_row():
    rows = [f"| row {i} | {i}.5 | {i}.75 | a few words |" for i in range(40)]
    text = "\n".join(rows)
    chunks = SectionChunker(size=50).split(Document(page_content=text))
    assert len(chunks) > 5
    assert [line for c in chunks for line in c.page_content.splitlines()] == rows


TEXT = "".join(f"Sentence {i} says this. " for i in range(60))


def test_every_child_lies_in_its_parents():
    everything = HierarchyChunker(sizes=[100, 40, 20], emit="all").split(Document(page_content=TEXT, id="d"))
    leaves = HierarchyChunker(sizes=[100, 40, 20]).split(Document(page_content=TEXT, id="d"))
    assert [c.id for c in everything if c.metadata["level"] == 0] == [c.id for c in leaves]
    assert "".join(c.page_content for c in leaves) == TEXT
    spans = {(c.metadata["start_index"], c.metadata["end_index"]) for c in everything}
    for chunk in everything:
        around = [[chunk.metadata["start_index"], chunk.metadata["end_index"]], *chunk.metadata["parents"]]
        assert len(around) == 3 - chunk.metadata["level"]
        for (a, b), (outer_a, outer_b) in itertools.pairwise(around):
            assert outer_a <= a < b <= outer_b
            assert (outer_a, outer_b) in spans
    assert len({c.id for c in everything}) == len(everything)
    assert all(c.id.endswith("@1") for c in everything if c.metadata["level"] == 1)


def test_a_text_that_fits_has_the_same_span_at_every_scale():
    chunks = HierarchyChunker(emit="all").split(Document(page_content="Short.", id="d"))
    assert [c.id for c in chunks] == ["d:0-6@2", "d:0-6@1", "d:0-6"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": []}, r"sizes=\[\]"),
        ({"sizes": [10, 20]}, r"sizes=\[10, 20\]"),
        ({"sizes": [10, 10]}, r"sizes=\[10, 10\]"),
        ({"sizes": [10, 5], "overlap": 5}, "overlap=5, size=5"),
        ({"emit": "roots"}, "'roots'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        HierarchyChunker(**settings)
