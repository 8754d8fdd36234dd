import pytest

from rlc.experiments.scorers.ruler import match_all, match_part


@pytest.mark.parametrize(
    ("prediction", "answers", "value"),
    [
        ("They are 11 and\x0022.", ("11", "22"), 1.0),
        ("abc, xyz", ("ABC", "DEF", "XYZ"), 2 / 3),  # in any case
        ("a pineapple", ("pine",), 1.0),  # a substring is enough
        ("", ("x",), 0.0),
    ],
)
def test_match_all_by_hand(make_example, prediction, answers, value):
    assert match_all(prediction, make_example("q", answers=answers)).value == pytest.approx(value)


def test_match_part_wants_one_and_finds_no_in_know(make_example):
    assert match_part("I do not know", make_example("q", answers=("no", "yes"))).value == 1
    assert match_part("Yes", make_example("q", answers=("never",))).value == 0
