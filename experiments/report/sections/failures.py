"""Failures apart: how many, of what kind, and what they would do to the accuracy."""

import numpy as np
import polars as pl

from rlc.data.text.escape import shorten
from rlc.experiments.report.cells import count, name, percent
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.study import Study

LONGEST_MESSAGE = 200
MESSAGES = 50


def failures(study: Study) -> Section:
    """Failed, unjudged and cut answers by reader, and the errors behind them."""
    failed = sum(study.failed(reader) for reader in study.readers)
    asked = study.run.table.height
    return Section(
        "failures",
        "Failures",
        texts=(
            f"{failed:,} of {asked:,} answers failed. They are in no mean above; the last column counts them as wrong.",
        ),
        tables=tuple(table for table in (_by_reader(study), _wrong(study), _errors(study)) if table.rows),
    )


def _by_reader(study: Study) -> Table:
    rows = []
    for reader in study.readers:
        answered = study.answered(reader, "value", "cut_tokens", "finish_reason")
        failed = study.failed(reader)
        rows.append(
            (
                name(reader.label),
                count(answered.height + failed),
                count(failed),
                count(answered["value"].null_count()),
                count(answered.filter(pl.col("cut_tokens") > 0).height),
                count(answered.filter(pl.col("finish_reason") == "length").height),
                percent(study.overall[reader.name]),
                percent(study.mean(study.wrong_if_failed[reader.name])),
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
        note="Not judged: answered, but there is no gold answer, or the judge gave no verdict. Text cut: the document did not fit and lost a part. "
        "Answer cut: the answer reached its limit of tokens.",
    )


def _wrong(study: Study) -> Table:
    """Wrong answers by what went wrong, as far as it can be told; every one is counted once."""
    answerable = study.examples["answerable"].to_numpy()
    rows = []
    for reader in study.readers:
        wrong = study.outcomes[reader.name] == 0
        refused = study.values(reader, "abstained") == 1
        made_up = wrong & (answerable == False) & ~refused  # noqa: E712 - null is neither
        silent = wrong & refused
        missed = wrong & ~made_up & ~silent & (study.found.get(reader.name, _unknown(study)) == 0)
        cut = wrong & ~made_up & ~silent & ~missed & (study.values(reader, "cut_tokens") > 0)
        rest = wrong & ~made_up & ~silent & ~missed & ~cut
        kinds = (wrong, silent, made_up, missed, cut, rest)
        rows.append((name(reader.label), *(count(int(kind.sum())) for kind in kinds)))
    return Table(
        "Wrong answers by kind",
        ("reader", "wrong", "refused", "made up", "evidence missed", "text cut", "other"),
        rows,
        note="The first that holds, from left to right. Refused: said that the text does not tell, and it does. Made up: "
        "answered a question that the text does not answer. Evidence missed: what was read lacks the silver evidence "
        "(told only where the rule finds it and the reader says what it read). Text cut: the document did not fit.",
    )


def _unknown(study: Study) -> Floats:
    return np.full(study.examples.height, np.nan)


def _errors(study: Study) -> Table:
    failed = study.run.table.select("reader", "error").drop_nulls("error")
    counted = (
        failed.with_columns(kind=pl.col("error").str.split(":").list.first())
        .group_by("reader", "kind", "error")
        .len()
        .sort(["len", "reader", "error"], descending=[True, False, False])
    )
    labels = {reader.name: reader.label for reader in study.readers}
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
