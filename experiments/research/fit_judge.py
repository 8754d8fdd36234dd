"""Fit the rule judge: move its weights until the cells of four models meet LaRA's published table.

    python -m rlc.experiments.research.fit_judge --data-root PATH

The other models that have both recorded answers and published figures are never looked at here; they show how
well the fit carries over (`rlc judge agreement`). For each task the loss is

    mean squared cell error + 1/2 mean squared gap error
        + 0.02 sum of squared distances of the weights from equal weights + 0.05 (threshold difference)^2

with cells and gaps (long minus RAG) as fractions and each verdict softened to a logistic of its distance from the
threshold, of width 0.03, so that the fit does not hang on single answers. The search is random, one coordinate at
a time, from the best pair of thresholds on a grid.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlc.data.errors import DataError
from rlc.data.sets.lara import TASKS, load, load_predictions
from rlc.experiments.metrics.contradiction import contradiction
from rlc.experiments.metrics.reading import answer_key, meeting, overlap, read, read_once
from rlc.experiments.scorers.agreement import Cell, read_published
from rlc.experiments.scorers.rule import (
    ABSTENTION_FEATURES,
    ANY_TASK,
    UNANSWERABLE,
    WORD_FEATURES,
    Fit,
    TaskFit,
    abstention_features,
    word_features,
)

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]

FIT_MODELS = ("gpt-4o", "llama-3.2-3b", "mistral-nemo", "qwen2.5-72b-instruct")
"""One model of each of four vendors, strong to weak, chosen before any result was seen."""

WIDTH = 0.03
WEIGHT_PENALTY = 0.02
THRESHOLD_PENALTY = 0.05
STEPS = 3000
NUMBER_SHARES = (0.5, 0.75, 1.0)
"""The shares of the gold numbers that are tried; below a half, a wrong answer has too easy a game."""


@dataclass(frozen=True)
class Answers:
    """The answers of one task as figures.

    `features` is [answers, features]; `numeric` says where the gold answer has numbers of its own, `recall` which
    share of them is matched; `wrong` is what the rules decide. `cell` numbers each answer's cell, `weight` is its
    share of that cell's macro average; `target` holds the cells' published accuracy as a fraction, the long arm
    and the RAG arm of one length, model and task next to each other.
    """

    names: tuple[str, ...]
    features: Array
    numeric: NDArray[np.bool_]
    recall: Array
    wrong: NDArray[np.bool_]
    cell: NDArray[np.int64]
    weight: Array
    target: Array

    def loss(self, weights: Array, thresholds: Array, number_share: float) -> float:
        """The loss of the module's docstring; `thresholds` are those without and with numbers."""
        margin = self.features @ weights - thresholds[self.numeric.astype(int)]
        right = 1 / (1 + np.exp(-np.clip(margin / WIDTH, -40, 40)))
        right[self.wrong | (self.numeric & (self.recall < number_share))] = 0
        cells = np.bincount(self.cell, right * self.weight, minlength=len(self.target))
        error = cells - self.target
        gap = error[0::2] - error[1::2]
        penalty = WEIGHT_PENALTY * ((weights - 1 / len(weights)) ** 2).sum()
        penalty += THRESHOLD_PENALTY * (thresholds[0] - thresholds[1]) ** 2
        return float((error**2).mean() + (gap**2).mean() / 2 + penalty)


def measure(frame: "pl.DataFrame", published: dict[Cell, float]) -> Answers:
    """Turn rows of `load_predictions` of one or several tasks into figures.

    Raises:
        DataError: if a cell has no partner in the other arm, or no published figure.
    """
    import polars as pl

    frame = frame.with_row_index("row").sort("length", "model", "task", "arm", "row")
    weight = frame.select(
        1 / (pl.len().over(*Cell._fields, "type") * pl.col("type").n_unique().over(*Cell._fields))
    )
    cells = [Cell(*row) for row in frame.select(*Cell._fields).iter_rows()]
    distinct = list(dict.fromkeys(cells))
    for cell in distinct:
        if cell not in published or cell._replace(arm="long" if cell.arm == "rag" else "rag") not in distinct:
            raise DataError(f"{cell}: expected a published figure and answers of both arms")
    number = {cell: i for i, cell in enumerate(distinct)}
    unanswerable = set(frame["task"]) == {UNANSWERABLE}
    names = ABSTENTION_FEATURES if unanswerable else WORD_FEATURES
    rows = [_figures(*row) for row in frame.select("question", "answer", "prediction", "task").iter_rows()]
    return Answers(
        names=names,
        features=np.array([[features.get(name, 0.0) for name in names] for features, *_ in rows]),
        numeric=np.array([numeric for _, numeric, _, _ in rows]),
        recall=np.array([recall for _, _, recall, _ in rows]),
        wrong=np.array([wrong for _, _, _, wrong in rows]),
        cell=np.array([number[cell] for cell in cells]),
        weight=weight.to_series().to_numpy(),
        target=np.array([published[cell] / 100 for cell in distinct]),
    )


def _figures(
    question: str, gold: str, prediction: str | None, task: str
) -> tuple[dict[str, float], bool, float, bool]:
    """Features, whether the gold answer has numbers, the share of them matched, and whether a rule says wrong."""
    if prediction is None:
        return {}, False, 0.0, True
    answer = read(prediction)
    if task == UNANSWERABLE:
        return abstention_features(read_once(question), answer), False, 0.0, False
    key = answer_key(question, gold)
    answer = meeting(key, answer)
    found = overlap(key, answer)
    return (
        word_features(found, answer),
        bool(key.values),
        found.number_recall,
        bool(contradiction(key, answer)),
    )


def search(answers: Answers, seed: int) -> tuple[TaskFit, float]:
    """The best fit for these answers and its loss."""
    shares = NUMBER_SHARES if answers.numeric.any() else NUMBER_SHARES[:1]
    return min((_search(answers, share, seed) for share in shares), key=lambda found: found[1])


def _search(answers: Answers, number_share: float, seed: int) -> tuple[TaskFit, float]:
    generator = np.random.default_rng(seed)
    size = len(answers.names)
    weights = np.full(size, 1 / size)
    grid = np.arange(0.1, 0.8, 0.05)
    starts = [np.array([a, b]) for a in grid for b in grid]
    thresholds = min(starts, key=lambda start: answers.loss(weights, start, number_share))
    best = answers.loss(weights, thresholds, number_share)
    for step in range(STEPS):
        tried, limits = weights.copy(), thresholds.copy()
        place = generator.integers(size + 2)
        move = generator.normal() * (0.05 if step < STEPS / 2 else 0.015)
        if place < size:
            tried[place] = max(0.0, tried[place] + move)
            tried /= tried.sum()
        else:
            limits[place - size] = np.clip(limits[place - size] + move, 0.1, 0.9)
        loss = answers.loss(tried, limits, number_share)
        if loss < best:
            weights, thresholds, best = tried, limits, loss
    fitted = TaskFit(
        weights={name: round(float(w), 4) for name, w in zip(answers.names, weights, strict=True)},
        threshold=round(float(thresholds[0]), 4),
        threshold_numbers=round(float(thresholds[int(answers.numeric.any())]), 4),
        number_share=number_share,
    )
    return fitted, best


def fit(
    root: Path, seed: int = 0, models: Sequence[str] = FIT_MODELS, provenance: dict[str, Any] | None = None
) -> Fit:
    """Fit each of LaRA's tasks, and the answerable ones together for tasks of other names.

    Args:
        root: The folder with LaRA's recorded answers and `published.csv`.
        seed: Of the search.
        models: Whose answers to fit on.
        provenance: What else the fit should remember of the data.

    Raises:
        DataError: where the data cannot be used.
    """
    published = read_published(root / "published.csv")
    frame = load_predictions(root, models=models)
    groups = {task: [task] for task in TASKS} | {ANY_TASK: [task for task in TASKS if task != UNANSWERABLE]}
    found = {
        name: search(measure(frame.filter(frame["task"].is_in(tasks)), published), seed)
        for name, tasks in groups.items()
    }
    remembered = {
        "models": list(models),
        "seed": seed,
        "questions": frame.select("length", "type", "task", "file", "question").n_unique(),
        "answers": frame.height,
        "loss": {name: round(loss, 6) for name, (_, loss) in found.items()},
        "data_revision": load(root).revision,
    }
    return Fit({name: task_fit for name, (task_fit, _) in found.items()}, remembered | (provenance or {}))


def main() -> None:
    """Fit and write the file that the package ships."""
    parser = argparse.ArgumentParser(description="Fit the rule judge to LaRA's published table.")
    parser.add_argument(
        "--data-root", type=Path, required=True, help="LaRA, with published.csv beside datasets/"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="+", default=FIT_MODELS, help="whose answers to fit on")
    parser.add_argument("--commit", default="unknown", help="the upstream commit of the data, for the record")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent.parent / "scorers" / "rule_fit.json"
    )
    options = parser.parse_args()
    known = {"upstream_commit": options.commit}
    fitted = fit(options.data_root, options.seed, options.models, provenance=known)
    options.out.write_text(fitted.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
