import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.experiments.metrics.numeric import matched, moves, numbers, numeric_match, required, same_number


def values(text):
    return [number.value for number in numbers(text.lower())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$2,576,340.", [2576340]),
        ("$(1.2) million", [1.2e6]),
        ("(4,280) thousand", [4.28e6]),
        ("seven thousand two hundred francs", [7200]),
        ("two million, five hundred thousand", [2.5e6]),
        ("twenty-one dogs and a hundred cats", [21, 100]),
        ("3 x 10^-5, 1e-5 and 2 x 10^{-3}", [3e-5, 1e-5, 2e-3]),
        ("1.4x faster on 100mg", [1.4, 100]),
        ("20-30%", [20, 30]),
        ("the 4th of 12", [4, 12]),
        ("gpt-4 and f1 and ;48", [48]),
        ("one of them", []),
        ("form 10-k", []),
        ("", []),
    ],
)
def test_numbers_are_found_with_their_units(text, expected):
    assert values(text) == pytest.approx(expected)


def test_years_and_days_are_context():
    found = numbers("on march 31, 2024, and 5 may 2023: 2,024 dogs, 1850 cats")
    assert [(number.value, number.context) for number in found] == [
        (31, True),
        (2024, True),
        (5, True),
        (2023, True),
        (2024, False),
        (1850, False),
    ]
    assert [number.value for number in required(found)] == [2024, 1850]
    assert [number.value for number in required(numbers("in 1999"))] == [1999]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("1,000", "1,005", True),  # within 0.6%
        ("1,000", "1,007", False),
        ("$2.50 billion", "$2,499,766,000", True),
        ("4,280", "$4,280 thousand", True),
        ("0.8 million", "832,000", False),
        ("3", "3,000", False),  # too short a number to be another in thousands
        ("84.15%", "84.2%", True),  # rounded
        ("84.15%", "84%", True),
        ("84.15%", "84.3%", False),
        ("0.46%", "0.5%", True),
        ("84%", "0.84", True),
        ("five percent", "5%", True),
        ("2023", "2024", False),  # years do not round
        ("three", "3", True),
    ],
)
def test_same_number(a, b, same):
    [x], [y] = numbers(a), numbers(b)
    assert same_number(x, y) is same
    assert same_number(y, x) is same


def test_a_move_is_matched_by_its_difference_or_percent_change():
    text = "decreased from $400 on december 31, 2023, to $300"
    gold = required(numbers(text))
    pairs = moves(text, numbers(text))
    assert [[number.value for number in pair] for pair in pairs] == [[400, 300]]
    assert matched(gold, numbers("down by $100"), pairs) == [True, True]
    assert matched(gold, numbers("down by 25%"), pairs) == [True, True]
    assert matched(gold, numbers("down by 20%"), pairs) == [False, False]
    assert matched(numbers("by $100"), numbers(text), (), pairs) == [True]
    assert (
        moves(
            "issued 0.2 million and kept 100.0 million", numbers("issued 0.2 million and kept 100.0 million")
        )
        == []
    )


def test_numeric_match_takes_the_best_gold_answer_and_needs_all_its_numbers():
    assert numeric_match("It fell from 10 to 8.", ["from 10 to 9", "8"]) == 1.0
    assert numeric_match("It fell to 8.", ["10 and 8"]) == 0.0
    assert numeric_match("anything", ["no digits here"]) is None


@given(st.floats(0.001, 1e12), st.sampled_from(["", " million", "%"]))
def test_every_number_is_the_same_as_itself(value, unit):
    [number] = numbers(f"{value:.3f}{unit}")
    assert same_number(number, number)


@given(st.text())
def test_spans_are_in_order_and_inside_the_text(text):
    position = 0
    for number in numbers(text.lower()):
        assert position <= number.start < number.end <= len(text.lower())
        position = number.end
