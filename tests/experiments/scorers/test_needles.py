"""The scorers of needles, threads and chains, by hand."""

import pytest

from rlc.experiments.scorers.babilong import LABELS, labels
from rlc.experiments.scorers.hyper_multi_step import logic_kv, multi_kv
from rlc.experiments.scorers.hyper_multi_step import value as value_of
from rlc.experiments.scorers.needle_threading import value, values
from rlc.experiments.scorers.needlebench import boxed, keyword, last_boxed, parallel
from rlc.experiments.scorers.needlechain import amount
from rlc.experiments.scorers.nolima import contains, exact, last_line_contains, last_line_exact
from rlc.experiments.scorers.oneruler import all_words, compare_none, compare_numbers


def scored(scorer, make_example, prediction, *answers, **fields):
    measured = scorer(prediction, make_example("q", answers=answers, **fields))
    return measured.value, measured.note


def test_a_keyword_counts_in_its_own_case_and_inside_words(make_example):
    assert scored(keyword, make_example, "At 142.", "42") == (1.0, "")
    assert scored(keyword, make_example, "a glass LEDGER", "glass ledger") == (0.0, "")
    assert scored(parallel, make_example, "ash, oak", "oak", "elm") == (0.5, "")


def test_the_last_box_counts(make_example):
    assert last_boxed("\\boxed{1} then \\boxed{\\text{Ann {B}}}") == "\\text{Ann {B}}"
    assert scored(boxed, make_example, "So \\boxed{ Ann Hill. }", "Ann Hill") == (1.0, "")
    assert scored(boxed, make_example, "Ann Hill", "Ann Hill") == (0.0, "unparsed")
    assert scored(boxed, make_example, "\\boxed{Ann", "Ann") == (0.0, "unparsed")


def test_threads_are_read_as_literals_and_never_run(make_example):
    assert scored(value, make_example, ' "a-1" is it', "a-1") == (1.0, "")
    assert scored(value, make_example, "It is a-1", "a-1") == (0.0, "")
    assert scored(values, make_example, "Here: ['a-1', 'b-2']", "a-1", "c-3") == (0.5, "")
    for reply in ("a-1", "[__import__('os').getpid()]", "[" * 5000 + "]", "['a-1'"):
        assert scored(values, make_example, reply, "a-1") == (0.0, "unparsed")


def test_nolima_counts_parts_of_words_and_lines(make_example):
    assert scored(contains, make_example, "Joanna", "anna") == (1.0, "")
    assert scored(exact, make_example, " Yuki\n", "Yuki") == (1.0, "")
    assert scored(last_line_contains, make_example, "Yuki?\nStuart", "Yuki") == (0.0, "")
    assert scored(last_line_exact, make_example, "No.\n\nYuki\n", "Yuki") == (1.0, "")


@pytest.mark.parametrize(
    ("task", "question", "said", "target", "value"),
    [
        ("qa1", "Where is Mary?", "Mary is in the garden. Not the office.", "garden", 1.0),
        ("qa1", "Where is Mary?", "garden or office", "garden", 0.0),
        ("qa3", "Where was it before the kitchen?", "In the kitchen, then the office", "office", 1.0),
        ("qa8", "What does Ann carry?", "The milk and the apple", "apple,milk", 1.0),
        ("qa8", "What does Ann carry?", "The milk", "apple,milk", 0.0),
        ("qa19", "How do you go?", "n,w", "n,w", 1.0),
        (
            "qa7",
            "How many?",
            "none",
            "none",
            0.0,
        ),  # "one" stands in it: upstream's rule loses this task's answer
    ],
)
def test_babilong_wants_the_target_and_no_other_label(make_example, task, question, said, target, value):
    assert scored(labels, make_example, said, target, task=task, question=question) == (value, "")


def test_babilong_knows_its_twenty_tasks(make_example):
    assert set(LABELS) == {f"qa{i}" for i in range(1, 21)}
    assert scored(labels, make_example, "x", "y", task="other") == (0.0, "unparsed")


def test_none_is_an_answer_and_numbers_are_a_set(make_example):
    assert scored(compare_numbers, make_example, "<answer>22, 11</answer>", "11", "22") == (1.0, "")
    assert scored(compare_numbers, make_example, "11", "11", "22") == (0.0, "")
    assert scored(compare_numbers, make_example, "none, or 11", "11") == (0.0, "")
    assert scored(compare_none, make_example, "<answer>None</answer>", "none") == (1.0, "")
    assert scored(compare_none, make_example, "Keine vorhanden.", "none", metadata={"lang": "de"}) == (
        1.0,
        "",
    )
    assert scored(all_words, make_example, "1. Apple 2. pears", "apple", "pear") == (1.0, "")


def test_chains_and_conditions_are_read_from_their_form(make_example):
    assert scored(amount, make_example, "## Answer: $1,600", "1600") == (1.0, "")
    assert scored(amount, make_example, "It is 1600", "1600") == (0.0, "unparsed")
    assert scored(logic_kv, make_example, 'key: "0123"', "123") == (1.0, "")
    assert scored(value_of, make_example, "value: 5", "6") == (0.0, "")
    for said, verdict in (
        ("keys: 1, 2", "correct"),
        ("keys: 1", "under-selected"),
        ("keys: 1, 2, 3", "over-selected"),
    ):
        assert multi_kv(said, make_example("q", answers=("1", "2"))).parts == {verdict: 1.0}
    assert multi_kv("1, 2", make_example("q", answers=("1", "2"))).note == "unparsed"
