"""Sheets for human verdicts: some of a run's answers, drawn without regard to what any judge said of them."""

import csv
import io

import polars as pl

from rlc.data.errors import DataError
from rlc.data.text.escape import escape_controls
from rlc.experiments.runs.human import COLUMNS
from rlc.experiments.runs.selection import draw, turns
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.calibration import SAID

SHOWN = ("task", "question", "answers", "prediction")


def sheet(run: StoredRun, count: int, seed: int = 0) -> pl.DataFrame:
    """At least `count` of a run's answers, where there are as many: all arms' on questions drawn from every task alike.

    The first columns are those of human verdicts, two of them to be filled in; then what a person must see, and no
    verdict of any judge. Of equal answers to a question one stands there, for a router hands on an arm's.

    Raises:
        DataError: if the run holds no answer that somebody could judge.
    """
    answered = run.table.where("example_id", "reader", *SHOWN, of=pl.col("error").is_null()).unique(
        SAID, keep="first", maintain_order=True
    )
    if answered.is_empty():
        raise DataError(f"{run.folder} holds no answer, so there is nothing to judge")
    tasks = dict(answered.select("example_id", "task").unique(maintain_order=True).iter_rows())
    share = {task: 1 / list(tasks.values()).count(task) for task in tasks.values()}
    turn = turns(tasks, seed)
    # The place of each question within its task, as a share of the task: taken in this order, tasks keep their shares.
    order = sorted(tasks, key=lambda name: ((turn[name] + 0.5) * share[tasks[name]], draw(seed, name)))
    by_question = {str(name): part for (name,), part in answered.group_by("example_id", maintain_order=True)}
    chosen: list[pl.DataFrame] = []
    for name in order:
        if sum(part.height for part in chosen) >= count:
            break
        chosen.append(by_question[name])
    return pl.concat(chosen).select(
        "example_id",
        "reader",
        pl.lit("").alias("right"),
        pl.lit("").alias("note"),
        "task",
        "question",
        pl.col("answers").list.join(" / ").alias("gold answer"),
        pl.col("prediction").alias("answer"),
    )


def as_csv(table: pl.DataFrame) -> bytes:
    """A sheet as a file that spreadsheets open as UTF-8; a text that one would run as a formula is led by an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(
        [_plain(name, value) for name, value in row.items()] for row in table.iter_rows(named=True)
    )
    return file.getvalue().encode("utf-8-sig")


def _plain(column: str, value: str) -> str:
    text = escape_controls(value)
    return f"'{text}" if column not in COLUMNS and text[:1] in {"=", "+", "-", "@"} else text
