import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.retrievers.prune.support.units import Unit, units, with_headers

TABLE = "Intro one. Intro two.\n| a | b |\n|---|---|\n| 1 | 2 |\n\n| 3 | 4 |\nAfter it. End."


def pieces(text):
    return [text[unit.start : unit.end] for unit in units(text)]


def test_sentences_and_rows_by_hand():
    assert pieces(TABLE) == [
        "Intro one. ",
        "Intro two.\n",
        "| a | b |\n",
        "|---|---|\n",
        "| 1 | 2 |\n\n",
        "| 3 | 4 |\n",
        "After it. ",
        "End.",
    ]
    assert [unit.headers for unit in units(TABLE)] == [(), (), (3,), (2,), (2, 3), (2, 3), (), ()]


def test_a_row_keeps_its_headers_and_only_those():
    cut = units(TABLE)
    keep = [unit.start == TABLE.index("| 3") for unit in cut]
    assert with_headers(keep, cut) == [False, False, True, True, False, True, False, False]


@pytest.mark.parametrize("line", ["assets\t12", "Total assets      12", "a | b"])
def test_what_a_row_is(line):
    assert [unit.headers for unit in units(f"{line}\n{line}\n")] == [(), (0,)]


def test_one_row_alone_is_no_table():
    assert units("Net income      12") == [Unit(0, 18)]


@given(st.text(alphabet="ab. \n|\t", max_size=80))
def test_units_tile_the_text(text):
    cut = units(text)
    assert "".join(text[unit.start : unit.end] for unit in cut) == text
    assert all(unit.start < unit.end for unit in cut)
    assert all(0 <= head < len(cut) for unit in cut for head in unit.headers)


def test_nothing_has_no_units():
    assert units("") == []
