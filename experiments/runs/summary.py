"""The headline: one row per reader, from the rows of the results."""

from typing import Any

import polars as pl

from rlc.experiments.judges.base import NOT_JUDGED
from rlc.experiments.metrics.amortised import COSTS, Costs, costs_of
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.scorers.measured import UNPARSED
from rlc.experiments.statistics.intervals import estimate

SUMMARISED = sorted(
    {"task", "note", "route", "value", "f1", "output_tokens", "thought_tokens", "cut_tokens"}
    | {"first_token_seconds", *COSTS}
)
TASK_ORDER = ("location", "reasoning", "comp", "hallu")


def summarise(rows: ResultsTable | pl.DataFrame) -> list[dict[str, Any]]:
    """Per reader: accuracy overall and by task, each with n, failures, and what an answer cost on average.

    Accuracy is the mean `value` of the answers that have one (for the rule judge the share that is right), overall
    with its 95% interval (`low`, `high`); failed answers are counted apart (`failures`), so are those that a judge failed
    on (`not_judged`), `unparsed` ones are among them that count 0, and questions without a gold answer are not scored. Routers also have `shares`: route to share of the questions.
    `cost` tells a document's first question from further ones (`rlc.experiments.metrics.amortised`), in computed
    tokens and in seconds; None where a run has none of them, or nothing was timed.
    """
    table = rows if isinstance(rows, ResultsTable) else ResultsTable(rows)
    tasks = tasks_of(table.select("task"))
    return [_summary(reader, table.select(*SUMMARISED, reader=reader), tasks) for reader in table.readers]


def tasks_of(frame: pl.DataFrame) -> list[str]:
    """The tasks in the frame, LaRA's first and in its order."""
    present = set(frame["task"].unique())
    return [t for t in TASK_ORDER if t in present] + sorted(present - set(TASK_ORDER))


def _summary(reader: str, part: pl.DataFrame, tasks: list[str]) -> dict[str, Any]:
    answered = part.filter(pl.col("error").is_null())
    routes = (
        {}
        if answered.is_empty()
        else dict(answered["route"].value_counts(normalize=True, sort=True).iter_rows())
    )
    return {
        "reader": reader,
        "n": part.height,
        "failures": part.height - answered.height,
        "not_judged": part.filter(pl.col("note").str.starts_with(NOT_JUDGED)).height,
        "unparsed": part.filter(pl.col("note") == UNPARSED).height,
        "accuracy": {**_accuracy(part), **_interval(part)},
        "tasks": {task: _accuracy(part.filter(pl.col("task") == task)) for task in tasks},
        "f1": answered["f1"].mean(),
        "prompt_tokens": answered["prompt_tokens"].mean(),
        "cached_tokens": answered["cached_tokens"].mean(),
        "output_tokens": answered["output_tokens"].mean(),
        "thought_tokens": answered["thought_tokens"].mean(),
        "thoughts": answered.filter(pl.col("thought_tokens") > 0).height,
        "cut_answers": answered.filter(pl.col("cut_tokens") > 0).height,
        "first_token_seconds": mean_seconds(answered["first_token_seconds"]),
        "seconds": mean_seconds(answered["seconds"]),
        "shares": routes,
        "cost": _cost(part),
    }


def _cost(part: pl.DataFrame) -> dict[str, Any]:
    tokens, seconds = costs_of(part, "tokens"), costs_of(part, "seconds")
    return {
        "questions_per_document": tokens.questions,
        "first_questions": int(tokens.first.sum()),
        "tokens": _split(tokens),
        "seconds": _split(seconds) if seconds.values.any() else None,
    }


def _split(costs: Costs) -> dict[str, float | None]:
    return {"mean": costs.mean, "first": costs.first_mean, "further": costs.further_mean}


def _interval(part: pl.DataFrame) -> dict[str, float | None]:
    """The 95% interval of the accuracy, clustered by document; open where fewer than two documents are scored."""
    scored = part.drop_nulls("value")
    found = estimate(scored["value"].to_numpy(), scored["document_id"].to_list())
    return {"low": found.low, "high": found.high}


def mean_seconds(seconds: pl.Series) -> float | None:
    """The mean; None where nothing was timed (recorded answers)."""
    return float(seconds.mean()) if len(seconds) and seconds.sum() > 0 else None  # type: ignore[arg-type]


def _accuracy(part: pl.DataFrame) -> dict[str, Any]:
    scored = part["value"].drop_nulls()
    return {"value": scored.mean(), "n": len(scored)}
