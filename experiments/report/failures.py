"""Failures apart: how many, of what kind, and what they would do to the accuracy."""

import polars as pl

from rlc.experiments.report.cells import count, name, percent
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.report.study import Study
from rlc.experiments.visible import shorten

LONGEST_MESSAGE = 200
MESSAGES = 50


def failures(study: Study) -> Section:
    """Failed, unjudged and cut answers by reader, and the errors behind them."""
    failed = sum(rows["error"].count() for rows in study.rows.values())
    asked = sum(rows.height for rows in study.rows.values())
    return Section(
        "failures",
        "Failures",
        texts=(
            f"{failed:,} of {asked:,} answers failed. They are in no mean above; the last column counts them as wrong.",
        ),
        tables=tuple(table for table in (_by_reader(study), _errors(study)) if table.rows),
    )


def _by_reader(study: Study) -> Table:
    rows = []
    for entry in study.entries:
        own, answered = study.rows[entry.name], study.answered(entry)
        rows.append(
            (
                name(entry.label),
                count(own.height),
                count(own.height - answered.height),
                count(answered["correct"].null_count()),
                count(answered.filter(pl.col("cut_tokens") > 0).height),
                count(answered.filter(pl.col("finish_reason") == "length").height),
                percent(study.overall[entry.name]),
                percent(study.mean(study.wrong_if_failed[entry.name])),
            )
        )
    return Table(
        "By reader",
        (
            "reader",
            "questions",
            "failed",
            "not judged",
            "text cut",
            "answer cut",
            "accuracy",
            "failed counted as wrong",
        ),
        rows,
        note="Not judged: answered, but there is no gold answer. Text cut: the document did not fit and lost a part. "
        "Answer cut: the answer reached its limit of tokens.",
    )


def _errors(study: Study) -> Table:
    failed = pl.concat(rows.drop_nulls("error").select("reader", "error") for rows in study.rows.values())
    counted = (
        failed.with_columns(kind=pl.col("error").str.split(":").list.first())
        .group_by("reader", "kind", "error")
        .len()
        .sort(["len", "reader", "error"], descending=[True, False, False])
    )
    labels = {entry.name: entry.label for entry in study.entries}
    left_out = counted.height - MESSAGES
    return Table(
        "Failures by kind",
        ("reader", "kind", "message", "count"),
        [
            (
                name(labels[reader]),
                Cell(kind),
                Cell(shorten(error.removeprefix(f"{kind}: "), LONGEST_MESSAGE)),
                count(number),
            )
            for reader, kind, error, number in counted.head(MESSAGES).iter_rows()
        ],
        note=f"{left_out:,} rarer messages are left out; they are in the results." if left_out > 0 else "",
        prose=True,
    )
