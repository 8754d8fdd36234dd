from rlc.experiments.metrics.numeric import matched, moves, numeric_match, replaced, required
from rlc.experiments.metrics.values import values


def test_a_move_is_matched_by_its_difference_or_percent_change():
    text = "decreased from $400 on december 31, 2023, to $300"
    gold = required(values(text))
    pairs = moves(text, values(text))
    assert [[amount.value for amount in pair] for pair in pairs] == [[400, 300]]
    assert matched(gold, values("down by $100"), pairs) == [True, True]
    assert matched(gold, values("down by 25%"), pairs) == [True, True]
    assert matched(gold, values("down by 20%"), pairs) == [False, False]
    assert matched(values("by $100"), values(text), (), pairs) == [True]
    apart = "issued 0.2 million and kept 100.0 million"
    assert moves(apart, values(apart)) == []


def test_a_small_end_is_no_change_to_a_great_one():
    text = "30 to 90 million"
    assert matched(values("50 to 90 million"), values(text), (), moves(text, values(text))) == [False, True]


def test_what_stands_in_place_of_another_value():
    gold = values("it fell from 10 to 8 on 3 may 2019")
    assert replaced(gold, values("it fell from 10 to 7 on 3 may 2019"), gold)
    assert replaced(gold, values("it fell from 10 to 8 on 3 june 2019"), gold)
    assert not replaced(gold, values("it fell to 8"), gold)  # left out
    assert not replaced(gold, values("it fell to 8 in 2019"), gold)  # told with less
    assert not replaced(gold, values("it fell to 8, with 4, 5 and 6 between"), gold)  # explained at length
    assert not replaced(gold, values("it fell to 8 from 7"), [*gold, *values("from 7?")])  # the question's


def test_context_is_required_only_alone():
    assert [value.written for value in required(values("2,024 dogs in 1999"))] == ["2,024"]
    assert [value.written for value in required(values("in 1999"))] == ["1999"]


def test_numeric_match_takes_the_best_gold_answer_and_needs_all_its_values():
    assert numeric_match("It fell from 10 to 8.", ["from 10 to 9", "8"]) == 1.0
    assert numeric_match("It fell to 8.", ["10 and 8"]) == 0.0
    assert numeric_match("anything", ["no digits here"]) is None
