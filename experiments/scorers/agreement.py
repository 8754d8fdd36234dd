"""How well a judge agrees with LaRA's published table, on models that it was not fitted on.

The published accuracy of a cell (length, model, task, arm) is the mean of the accuracies of its three text types
(book, financial, paper), in percent; ours is averaged the same way. An answer that never came counts as wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rlc.data.errors import DataError
from rlc.data.sets.lara import TASKS, load_predictions, recorded_models
from rlc.experiments.scorers.rule import RuleJudge, Verdict

if TYPE_CHECKING:
    import polars as pl

PUBLISHED_QUESTIONS = 2326
_ARMS = {"lc": "long", "rag": "rag"}
_COLUMNS = ("length", "model", "task", "arm", "accuracy")


class Cell(NamedTuple):
    """One figure of the published table."""

    length: str
    model: str
    task: str
    arm: str


@dataclass(frozen=True)
class Agreement:
    """How two sets of cells agree; errors and gaps in points of percent, `n` and `gaps` count cells and gaps.

    A gap is the accuracy of the long arm minus that of the RAG arm, for one length, model and task. A correlation
    is nan where one side does not vary.
    """

    n: int
    pearson: float
    spearman: float
    error: float
    bias: float
    gaps: int
    gap_pearson: float
    gap_error: float
    sign: float


@dataclass(frozen=True)
class AgreementReport:
    """A judge's agreement with the published table on `models`, and what it was fitted on.

    `cells` holds (ours, published) in percent. `answers` counts judged answers, `failed` those among them that
    never came, `questions` the distinct questions behind them.
    """

    models: tuple[str, ...]
    fitted_on: tuple[str, ...]
    overall: Agreement
    by_task: Mapping[str, Agreement]
    cells: Mapping[Cell, tuple[float, float]]
    questions: int
    answers: int
    failed: int

    @property
    def note(self) -> str:
        """What limits the figures, for the foot of a table."""
        return (
            f"The published figures cover {PUBLISHED_QUESTIONS} questions and these {self.questions} of them, so the "
            "cells carry sampling noise on top of the judge's own error."
        )


def agreement_report(root: Path, judge: RuleJudge | None = None) -> AgreementReport:
    """Judge LaRA's recorded answers and compare with `published.csv` in the same folder.

    Shown are the models that have both recorded answers and published figures, less those that the judge was
    fitted on.

    Raises:
        DataError: where the table or the recorded answers are missing or broken, or no model is left.
    """
    judge = judge or RuleJudge()
    fitted_on = tuple(judge.fit.provenance.get("models", ()))
    published = read_published(root / "published.csv")
    recorded = set(recorded_models(root))
    models = tuple(sorted({cell.model for cell in published} & recorded - set(fitted_on)))
    if not models:
        raise DataError(
            f"{root}: no model with recorded answers and published figures is left beside those that the judge was "
            f"fitted on ({', '.join(fitted_on)}); recorded: {', '.join(sorted(recorded)) or 'none'}"
        )
    frame = load_predictions(root, models=models)
    verdicts = judge_frame(judge, frame)
    ours = cell_accuracy(frame, [bool(verdict.correct) for verdict in verdicts])
    cells = {cell: (ours[cell], published[cell]) for cell in sorted(ours.keys() & published.keys())}
    return AgreementReport(
        models=models,
        fitted_on=fitted_on,
        overall=agreement(cells),
        by_task={
            task: agreement({cell: pair for cell, pair in cells.items() if cell.task == task})
            for task in TASKS
        },
        cells=cells,
        questions=frame.select("length", "type", "task", "file", "question").n_unique(),
        answers=frame.height,
        failed=frame["prediction"].null_count(),
    )


def read_published(path: Path) -> dict[Cell, float]:
    """Read the published table: a CSV file with the columns length, model, task, arm (lc or rag) and accuracy.

    Rows of other tasks (the overall means) are left out.

    Raises:
        DataError: where the file is missing or not such a table.
    """
    import polars as pl

    if not path.is_file():
        raise DataError(
            f"{path}: no such file; write LaRA's published table there, a CSV file with the columns "
            f"{', '.join(_COLUMNS)} (arm lc or rag, accuracy in percent)"
        )
    try:
        frame = pl.read_csv(path).select(*_COLUMNS[:4], pl.col("accuracy").cast(pl.Float64))
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: expected the columns {', '.join(_COLUMNS)} ({error})") from error
    if strange := set(frame["arm"]) - _ARMS.keys():
        raise DataError(f"{path}: expected the arms lc and rag, got {', '.join(map(str, sorted(strange)))}")
    return {
        Cell(length, model, task, _ARMS[arm]): accuracy
        for length, model, task, arm, accuracy in frame.iter_rows()
        if task in TASKS
    }


def judge_frame(judge: RuleJudge, frame: "pl.DataFrame") -> list[Verdict]:
    """Judge the rows of `load_predictions`, in order."""
    columns = frame.select("question", "answer", "prediction", "task")
    return [
        judge.judge(question, (answer,), prediction, task)
        for question, answer, prediction, task in columns.iter_rows()
    ]


def cell_accuracy(frame: "pl.DataFrame", correct: Sequence[bool]) -> dict[Cell, float]:
    """Accuracy in percent by cell: the mean over text types of the mean over questions."""
    import polars as pl

    means = (
        frame.select(*Cell._fields, "type")
        .with_columns(pl.Series("correct", correct, dtype=pl.Boolean))
        .group_by(*Cell._fields, "type", maintain_order=True)
        .agg(pl.col("correct").mean())
        .group_by(*Cell._fields, maintain_order=True)
        .agg(100 * pl.col("correct").mean())
    )
    return {Cell(*cell): accuracy for *cell, accuracy in means.iter_rows()}


def agreement(cells: Mapping[Cell, tuple[float, float]]) -> Agreement:
    """Compare cells given as (ours, published), in percent.

    Raises:
        ValueError: if there are fewer than two cells.
    """
    if len(cells) < 2:
        raise ValueError(f"expected at least two cells to compare, got {len(cells)}")
    values = np.array(list(cells.values()))
    gaps = np.array(
        [
            np.subtract(values_long, cells[cell._replace(arm="rag")])
            for cell, values_long in cells.items()
            if cell.arm == "long" and cell._replace(arm="rag") in cells
        ]
    ).reshape(-1, 2)
    difference = values[:, 0] - values[:, 1]
    return Agreement(
        n=len(values),
        pearson=_correlation(values, "pearsonr"),
        spearman=_correlation(values, "spearmanr"),
        error=float(np.abs(difference).mean()),
        bias=float(difference.mean()),
        gaps=len(gaps),
        gap_pearson=_correlation(gaps, "pearsonr"),
        gap_error=float(np.abs(gaps[:, 0] - gaps[:, 1]).mean()) if len(gaps) else float("nan"),
        sign=float((np.sign(gaps[:, 0]) == np.sign(gaps[:, 1])).mean()) if len(gaps) else float("nan"),
    )


def _correlation(pairs: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", name: str) -> float:
    from scipy import stats

    if len(pairs) < 2 or not np.ptp(pairs, axis=0).all():
        return float("nan")
    return float(getattr(stats, name)(pairs[:, 0], pairs[:, 1]).statistic)
