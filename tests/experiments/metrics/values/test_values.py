import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.text.fold import fold
from rlc.experiments.metrics.values import Amount, Date, Time, Version, values

NUMBERS = [
    ("$2,576,340.", [2576340]),
    ("$(1.2) million", [1.2e6]),
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
    ("1.093.095,50 €", [1093095.5]),
    ("3,5 %", [3.5]),
    ("1\u00a0234\u00a0567", [1234567]),
    ("12'500", [12500]),
    ("1,23,45,678", [12345678]),
    ("1.5 Mio. Euro, 5 crore", [1.5e6, 5e7]),
    ("x = 3/4, 5 1/2 miles, two-thirds", [0.75, 5.5, 2 / 3]),
    ("the fourteenth, the twenty-first", [14, 21]),
    ("1e999 and " + "9" * 5000, []),  # more than a float holds
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_amounts_are_found_with_their_scale(text, expected):
    found = values(fold(text))
    assert all(isinstance(value, Amount) for value in found)
    assert [value.value for value in found] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("12 March 1871", (1871, 3, 12)),
        ("March 12, 1871", (1871, 3, 12)),
        ("the 12th of March 1871", (1871, 3, 12)),
        ("1871-03-12", (1871, 3, 12)),
        ("25.03.1871", (1871, 3, 25)),
        ("12. März 1871", (1871, 3, 12)),
        ("18 de mayo de 2018", (2018, 5, 18)),
        ("12 марта 1871", (1871, 3, 12)),
        ("1871年3月12日", (1871, 3, 12)),
        ("一八七一年三月十二日", (1871, 3, 12)),
        ("March 1871", (1871, 3, 0)),
        ("in 1871", (1871, 0, 0)),
        ("2019", (2019, 0, 0)),
    ],
)
def test_dates_in_any_order_and_language(text, date):
    [found] = values(fold(text))
    assert isinstance(found, Date)
    assert found.readings[0] == date


SAME = [
    ("$6,340,264", "$6.3 million", True),
    ("$2.50 billion", "$2,499,766,000", True),
    ("0.8 million", "832,000", False),
    ("412,806", "410,500", False),
    ("about 500", "512", True),
    ("about 26,000", "about 26,009", False),
    ("1,000", "1,005", False),  # nothing is called rounded
    ("4,280", "4,280 thousand", False),
    ("250", "250 million", False),
    ("250 million", "250 billion", False),
    ("84.15%", "84.2%", True),
    ("84.15%", "84%", True),
    ("84.15%", "84.3%", False),
    ("84%", "0.84", True),
    ("5%", "5", True),
    ("one third", "33%", True),
    ("3/4", "0.75", True),
    ("three", "3", True),
    ("-5 °C", "+5 °C", False),
    ("-5 °C", "5 degrees below zero", True),
    ("$(1.2) million", "$1.2 million", False),
    ("$(1.2) million", "a loss of $1.2 million", True),
    ("5 km", "5 miles", False),
    ("5 km", "5", True),
    ("2 years", "24 months", True),
    ("$5", "€5", False),
    ("1.234 €", "1,234 €", True),
    ("2000", "2,000", True),
    ("1871", "1880", False),
    ("12 March 1871", "12/03/1871", True),
    ("March 12, 1871", "12 May 1871", False),
    ("12 March 1871", "13 March 1871", False),
    ("1870s", "1870", False),
    ("3:30 pm", "15:30", True),
    ("3:30", "15:30", True),
    ("3:30 am", "15:30", False),
    ("v2.10", "2.10", True),
    ("v2.10", "2.1", False),
    ("version 3.11", "version 3.12", False),
    ("三百二十", "320", True),
    ("一百零五", "一百五十", False),
    ("3.2亿", "三亿二千万", True),
    ("12万3千", "123,000", True),
    ("5万", "5亿", False),
    ("两千五", "2500", True),
    ("1억 2천만 원", "120,000,000원", True),
    ("35億円", "3,500,000,000円", True),
    ("百分之三十", "30%", True),
    ("三分之一", "1/3", True),
    ("三割", "30%", True),
    ("二〇二三年", "2023", True),
    ("2023년 5월 3일", "2023-05-03", True),
    ("half past three", "3:30", True),
    ("quarter to four", "3:45", True),
    ("quarter to four", "quarter past four", False),
    ("ten minutes to six", "5:50", True),
    ("half past three in the afternoon", "15:30", True),
    ("three o'clock", "3:00", True),
    ("12 noon", "12 pm", True),
    ("halb vier", "3:30", True),
    ("下午三点半", "15:30", True),
    ("午後3時30分", "午前3時30分", False),
    ("five to six weeks", "5:55", False),
    ("5%", "5 percentage points", False),
    ("50 basis points", "0.5 percentage points", True),
    ("5‰", "0.5%", True),
    ("3 miles", "4.83 km", True),
    ("3 miles", "5 km", False),
    ("30 mph", "30 km/h", False),
    ("($1.2 million)", "-$1.2 million", True),
    ("12,34,567", "1,234,567", True),
    ("007", "7", False),
    ("192.168.0.1", "192.168.0.2", False),
    ("١٢٫٥", "12.5", True),
    ("½", "half", True),
]


@pytest.mark.parametrize(
    "text", ["一些人一起", "十分重要", "这是第一", "三点", "万一", "이 사람", "five to six weeks"]
)
def test_numerals_inside_words_are_no_values(text):
    assert [value.written for value in values(fold(text)) if not isinstance(value, Amount)] == []
    assert [value.value for value in values(fold(text))] == {
        "这是第一": [1],
        "five to six weeks": [5, 6],
    }.get(text, [])


@pytest.mark.parametrize(("a", "b", "same"), SAME)
def test_same_values(a, b, same):
    [x], [y] = values(fold(a))[:1], values(fold(b))[:1]
    assert x.says(y) is same
    assert y.says(x) is same


def test_who_tells_a_date_tells_its_year_and_not_the_other_way_about():
    [date], [year] = values("12 march 1871"), values("in 1871")
    assert date.says(year)
    assert not year.says(date)
    assert not year.differs(date)


def test_dates_are_context():
    found = values("on march 31, 2024, and 5 may 2023: 2,024 dogs, 1850 cats")
    assert [(value.written, value.context) for value in found] == [
        ("march 31, 2024", True),
        ("5 may 2023", True),
        ("2,024", False),
        ("1850", False),
    ]


def test_each_kind_has_its_own_class():
    found = values("on 12 march 1871 it owed $(1.2) million at 3:30 pm under v2.10")
    assert [type(value) for value in found] == [Date, Amount, Time, Version]


@given(st.floats(0.001, 1e12), st.sampled_from(["", " million", "%", " km"]))
def test_every_amount_says_itself(value, unit):
    [found] = values(f"{value:.3f}{unit}")
    assert found.says(found)


@given(st.text(st.sampled_from("0123456789.,:-/$%() eExX^{}kmbn年月日一十 march'")) | st.text())
def test_values_are_in_order_inside_the_text_and_finite(text):
    text = fold(text)
    position = 0
    for value in values(text):
        assert position <= value.start < value.end <= len(text)
        position = value.end
        assert value.says(value)
        if isinstance(value, Amount):
            assert all(map(math.isfinite, value.readings))


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1,",
        "1,234,",
        "1.2 ",
        "12 march ",
        "one ",
        "a ",
        "-",
        "(5) ",
        "$",
        "1/",
        "年",
        "3:",
        "三百二十万",
        "1억 2천",
        "half ",
        "at ten ",
    ],
)
def test_the_time_is_linear_in_the_length(unit):
    seconds = []
    for size in (20_000, 80_000):
        text = unit * (size // len(unit))
        start = time.process_time()
        values(text)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 12 * seconds[0] + 0.3  # four times the length; a quadratic one takes sixteen times
