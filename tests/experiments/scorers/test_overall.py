import polars as pl
import pytest

from rlc.data.sets.card import OVERALL as NAMED
from rlc.experiments.scorers.overall import OVERALL, effective_length, in_units, relative_length

ROWS = pl.DataFrame(
    [
        ("a", "1k", 1.0),
        ("a", "1k", 0.8),
        ("b", "1k", 1.0),
        ("a", "2k", 0.9),
        ("a", "4k", 0.5),
        ("b", "4k", None),
    ],
    schema=["task", "length", "value"],
    orient="row",
)


def test_every_name_of_a_card_has_a_function():
    assert set(OVERALL) == set(NAMED)


def test_means_by_hand():
    assert OVERALL["mean-of-questions"](ROWS) == pytest.approx((1 + 0.8 + 1 + 0.9 + 0.5) / 5)
    assert OVERALL["mean-of-tasks"](ROWS) == pytest.approx(((1 + 0.8 + 0.9 + 0.5) / 4 + 1) / 2)
    assert OVERALL["mean-of-tasks"](ROWS.clear()) is None


def test_effective_length_by_hand():
    assert effective_length(ROWS) == 2000  # 0.95, 0.9, 0.5
    assert effective_length(ROWS, 0.96) == 0
    assert effective_length(ROWS.with_columns(length=pl.lit("any"))) is None
    assert relative_length(ROWS) == 2000  # 0.85 of 0.95
    assert relative_length(ROWS.filter(pl.col("length") != "1k")) is None


@pytest.mark.parametrize(
    ("text", "value"), [("250", 250), ("0.5k", 500), ("", None), (None, None), ("k", None)]
)
def test_lengths_are_read(text, value):
    assert in_units(text) == value
