"""What stands under the table."""

import polars as pl

from rlc.experiments.cli.notes import failure_lines, thought_lines


def test_the_most_frequent_failures_come_first_and_the_others_are_counted():
    failed = [("rag", "z"), ("rag", "z"), ("rag", None), *(("auto", letter) for letter in "abcdef")]
    lines = failure_lines(pl.DataFrame(failed, ["reader", "error"], orient="row"))
    assert lines[0] == "rag: 2 failed: z"
    assert lines[4:] == ["auto: 1 failed: d", "2 more failed in 2 other ways: the report has them all"]


def test_few_failures_are_all_shown():
    lines = failure_lines(pl.DataFrame({"reader": ["rag", "rag"], "error": ["z", None]}))
    assert lines == ["rag: 1 failed: z"]


def test_thoughts_are_averaged_over_the_answers_that_have_one():
    columns = ["reader", "error", "thought_tokens"]
    rows = [("rag", None, 9), ("rag", None, 11), ("rag", None, 0), ("rag", "failed", 50), ("long", None, 0)]
    [line] = thought_lines(pl.DataFrame(rows, columns, orient="row"))
    assert line.startswith("rag: 2 answers cost thoughts, 10 tokens on average")
