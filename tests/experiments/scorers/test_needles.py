"""The scorers of needles, threads and chains, by hand."""

import pytest

from rlc.experiments.scorers.babilong import LABELS, labels
from rlc.experiments.scorers.needle_threading import value, values
from rlc.experiments.scorers.needlebench import boxed, keyword, last_boxed, parallel
from rlc.experiments.scorers.nolima import contains, exact, last_line_contains, last_line_exact


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
