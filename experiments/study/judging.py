"""A run's judge beside the rules: where both have a verdict, how often it is the same, and what the judge left open."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from rlc.data.records import Usage
from rlc.experiments.judges.base import NOT_JUDGED, RIGHT_FROM
from rlc.experiments.judges.support.naming import model_of
from rlc.experiments.metrics.cost import Price
from rlc.experiments.runs.provenance import JUDGED_BY
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.runs.summary import tasks_of
from rlc.experiments.statistics.agreement import Kappa, kappa
from rlc.experiments.study.study import Study

ALL = "all"


def beside_rules(run: StoredRun) -> dict[str, Kappa]:
    """By task, `ALL` first, how far the judge and the rules agree on answers that both judged; tasks without any are left out.

    A graded verdict counts as right from a half on.
    """
    frame = run.frame.with_columns(said=pl.col("value") >= RIGHT_FROM)
    tasks = tasks_of(frame)
    parts = {ALL: frame, **{task: frame.filter(task=task) for task in tasks if len(tasks) > 1}}
    return {
        name: kappa(part["correct"].to_list(), part["said"].to_list())
        for name, part in parts.items()
        if part.drop_nulls(("correct", "said")).height
    }


def left_open(run: StoredRun) -> dict[str, int]:
    """Why the judge gave no verdict on an answer, with the number of answers, the most frequent first."""
    failed = run.frame.filter(pl.col("note").str.starts_with(NOT_JUDGED)).group_by("note").len()
    return dict(failed.sort(["len", "note"], descending=[True, False]).iter_rows())


def judge_sentences(study: Study) -> Iterator[str]:
    """What must be said of a run's judge; nothing where the rules or a data set's measures fill the table."""
    run = study.run
    told: Mapping[str, Any] = run.provenance.get(JUDGED_BY, {})
    if not told:
        return
    agreement = beside_rules(run).get(ALL)
    judged = f"{run.judge} judged {told['judged']:,} answers{_spent(told, study.prices)}"
    if not told["judged"]:
        yield f"{judged}."
    elif agreement is None:
        yield f"{judged}; the rules judged none of them."
    else:
        shown = "" if agreement.kappa is None else f" (kappa {agreement.kappa:.2f})".replace("-", "−")
        yield f"{judged}; the rules' verdict is the same on {100 * agreement.agreement:.1f}% of {agreement.n:,}{shown}."
    if open_ := left_open(run):
        first = next(iter(open_)).removeprefix(f"{NOT_JUDGED}: ")
        yield (
            f"{sum(open_.values()):,} answers were not judged and are in no mean; the same command asks again: {first}"
        )


def _spent(told: Mapping[str, Any], prices: Mapping[str, Price]) -> str:
    """What a model's verdicts cost, those of earlier runs with them; nothing of a function's."""
    if not told["calls"]:
        return ""
    usage = Usage(prompt_tokens=told["prompt_tokens"], output_tokens=told["output_tokens"])
    price = prices.get(model_of(told["spec"]))
    money = "" if price is None else f", ${price.of(usage):,.2f}, which are no reader's"
    return f" for {usage.prompt_tokens:,} tokens read and {usage.output_tokens:,} written{money}"
