"""LongBench's and InfiniteBench's rules, by hand."""

import pytest

from rlc.experiments.scorers import infinitebench, longbench, longbench2


def scored(scorer, make_example, prediction, *answers, **fields):
    return scorer(prediction, make_example("q", answers=answers, **fields)).value


def test_f1_by_hand(make_example):
    assert scored(longbench.qa_f1, make_example, "the red lamp", "A lamp.") == pytest.approx(2 / 3)
    assert scored(longbench.qa_f1, make_example, "", "") == 0  # upstream: nothing shared
    assert scored(longbench.qa_f1, make_example, "\nAnn\nPassage: more", "Ann", task="triviaqa") == 1


def test_classes_share_what_is_named(make_example):
    fields = {"task": "trec", "metadata": {"all_classes": ["City", "Other city", "State"]}}
    assert scored(longbench.classification, make_example, "State or City", "City", **fields) == 0.5
    assert scored(longbench.classification, make_example, "nothing", "City", **fields) == 0


def test_counting_and_finding_are_shares_of_the_numbers(make_example):
    assert scored(longbench.count, make_example, "7 or 8", "7") == 0.5
    assert scored(longbench.retrieval, make_example, "Paragraph 15, Paragraph 5", "Paragraph 5") == 0.5
    assert scored(longbench.retrieval_zh, make_example, "段落3", "段落3") == 1
    assert scored(longbench.count, make_example, "seven", "7") == 0


def test_the_first_line_of_code_counts(make_example):
    assert scored(longbench.code_similarity, make_example, "```\n# x\na = 1\nb", "a = 1") == 1
    assert scored(longbench.code_similarity, make_example, "# only", "a = 1") == 0


def test_two_phrases_choose_a_letter(make_example):
    assert scored(longbench2.choice, make_example, "**The correct answer is (B)**", "B") == 1
    assert longbench2.choice("(B)", make_example("q", answers=("B",))).note == "unparsed"


@pytest.mark.parametrize(
    ("scorer", "said", "answers", "value"),
    [
        (infinitebench.first_integer, "It is 71432, not 5", ("71432",), 1),
        (infinitebench.word, 'value: "c14c-8"', ("c14c",), 0),
        (infinitebench.last_integer, "So it returns `-17`.", ("-17",), 1),
        (infinitebench.last_integer, "none", ("17",), 0),
        (infinitebench.first_number, "3.5", ("3.5",), 1),
        (infinitebench.first_number, "3.5", ("3",), 0),
        (infinitebench.running_values, "1, 3, 7", ("[1, 3, 6]",), 2 / 3),
        (infinitebench.running_values, "1", ("[]",), 0),
        (infinitebench.name, "It's Ace.", ("ACE", "ACE HILL"), 1),
        (infinitebench.name, "Hill", ("ACE", "ACE HILL"), 0),
        (infinitebench.choice, "B. Ann", ("Ann", "B"), 1),
        (infinitebench.choice, "The answer is: Ann", ("Ann", "B"), 1),
        (infinitebench.choice, "It is C or B", ("Ann", "B"), 0),
        (infinitebench.function, "C: it fails", ("lit", "C"), 1),
        (infinitebench.function, "The one with the error is: `lit`", ("lit", "C"), 1),
        (infinitebench.function, "lit", ("lit", "C"), 0),
    ],
)
def test_infinitebench_by_hand(make_example, scorer, said, answers, value):
    assert scored(scorer, make_example, said, *answers) == pytest.approx(value)


def test_characters_are_compared_in_chinese(make_example):
    assert scored(infinitebench.f1_zh, make_example, "田归农。", "田归农") == 1
