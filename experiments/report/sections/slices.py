"""Accuracy where it differs: by task, length and type, answerable and not, and where LaRA's data need care."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from rlc.experiments.report.cells import name, percent
from rlc.experiments.report.figures.plots import panels
from rlc.experiments.report.records import Plot, Section, Table
from rlc.experiments.runs.summary import tasks_of
from rlc.experiments.study.study import Mask, Study

COLUMNS = {"task": "task", "length": "length", "type": "text type"}
ANSWERABLE: Mapping[bool | None, str] = {True: "answerable", False: "unanswerable", None: "not known"}


def slices(study: Study, column: str) -> dict[str, Mask]:
    """The questions by each value of a column, as masks in reading order; nothing where the column is empty."""
    values = study.examples[column]
    if values.null_count() == len(values):
        return {}
    present = tasks_of(study.examples) if column == "task" else sorted(set(values.drop_nulls()), key=_natural)
    found = {value: (values == value).fill_null(False).to_numpy() for value in present}
    if values.null_count():
        found["unknown"] = values.is_null().to_numpy()
    return found


def parts(study: Study) -> dict[str, Mask]:
    """The questions by task, by length and by type, one after the other, without parts that hold all questions."""
    return {
        value: mask for column in COLUMNS for value, mask in slices(study, column).items() if not mask.all()
    }


def _natural(value: str) -> tuple[tuple[int, str], ...]:
    """Sorts 32k before 128k."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", value))


def by_groups(study: Study) -> Section:
    """Every reader by task, length and text type."""
    tables = [
        accuracy_table(study, f"Accuracy by {title}", slices(study, column))
        for column, title in COLUMNS.items()
    ]
    lengths, tasks = slices(study, "length"), slices(study, "task")
    if len(lengths) > 1:
        both = {f"{length} {task}": a & b for length, a in lengths.items() for task, b in tasks.items()}
        tables.append(accuracy_table(study, "Accuracy by length and task", both, folded=True))
    masks = parts(study)
    plot = Plot(
        "groups",
        "Share of right answers by task, length and text type, with 95% intervals.",
        lambda: panels(study, masks),
    )
    return Section(
        "groups",
        "By task, length and text type",
        texts=("The share of judged answers that are right, with 95% intervals clustered by document.",),
        plots=(plot,) if masks else (),
        tables=[table for table in tables if len(table.columns) > 1],
    )


def answerable(study: Study) -> Section | None:
    """Questions that the document answers and questions that it does not; None where nobody marked them."""
    values = study.examples["answerable"]
    if values.null_count() == len(values):
        return None
    masks = {label: np.array([value is wanted for value in values]) for wanted, label in ANSWERABLE.items()}
    masks = {label: mask for label, mask in masks.items() if mask.any()}
    abstained = {reader.name: study.values(reader, "abstained") for reader in study.readers}
    saying = Table(
        "Answers that say that the text does not tell",
        ("reader", *masks),
        [
            (name(e.label), *(percent(study.mean(abstained[e.name], mask)) for mask in masks.values()))
            for e in study.readers
        ],
        note="Right where the question is unanswerable, a refusal where it is answerable.",
    )
    return Section(
        "answerable",
        "Answerable and unanswerable questions",
        texts=(
            "An unanswerable question is answered right by saying so. One mean over both kinds would hide a reader "
            "that refuses, or one that makes things up.",
        ),
        tables=(accuracy_table(study, "Accuracy", masks), saying),
    )


def book_comparisons(study: Study) -> Section | None:
    """Comparison questions on books, where LaRA's questions and books may name different people; None without any."""
    examples = study.examples
    comp = (examples["task"] == "comp").fill_null(False).to_numpy()
    book = (examples["type"] == "book").fill_null(False).to_numpy()
    absent = examples["names_absent"].fill_null(False).to_numpy()
    if not (comp & book & absent).any():
        return None
    n, mismatched = int((comp & book).sum()), int((comp & book & absent).sum())
    masks = {
        "books, all": comp & book,
        "books, a name is absent": comp & book & absent,
        "books, all names occur": comp & book & ~absent,
        "comparisons in other texts": comp & ~book,
    }
    return Section(
        "books",
        "Comparison questions on books",
        texts=(
            f"In {mismatched} of {n} comparison questions on books, the question or its answer names someone who does "
            "not occur in the book as it is shipped: the books' names were exchanged and these questions were written "
            "on the originals. Under these names the document cannot answer them, so they stand apart.",
        ),
        tables=(accuracy_table(study, "Accuracy", masks),),
    )


def macro(study: Study) -> Section:
    """LaRA's macro average beside the plain one."""
    rows = [(name(e.label), percent(study.overall[e.name]), percent(study.macro(e))) for e in study.readers]
    return Section(
        "macro",
        "Plain and macro average",
        texts=(
            "The plain average counts every question once. LaRA averages files within a text type, text types within "
            "a task, then tasks, so that no large file or task weighs more than another.",
        ),
        tables=(Table("Accuracy", ("reader", "plain", "macro"), rows),),
    )


def accuracy_table(study: Study, title: str, masks: Mapping[str, Mask], folded: bool = False) -> Table:
    """Every reader's accuracy on parts of the questions."""
    columns: Sequence[str] = ("reader", *masks)
    rows = [
        (name(reader.label), *(percent(study.accuracy(reader, mask)) for mask in masks.values()))
        for reader in study.readers
    ]
    return Table(title, columns, rows, folded=folded)
