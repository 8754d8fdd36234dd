"""A run's judge beside the rules: where both have a verdict, how often it is the same, and what the judge left open."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from rlc.data.records import Usage
from rlc.experiments.judges.base import NOT_JUDGED, RIGHT_FROM
from rlc.experiments.metrics.cost import PRICED, Price
from rlc.experiments.runs.judged import NO_VERDICT
from rlc.experiments.runs.provenance import JUDGED_BY
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.runs.summary import tasks_of
from rlc.experiments.statistics.agreement import Agreement, agreement
from rlc.experiments.statistics.intervals import Estimate
from rlc.experiments.study.study import Study

ALL = "all"


def beside_rules(run: StoredRun) -> dict[str, Agreement]:
    """By task, `ALL` first, how far the judge and the rules agree on answers that both judged; tasks without any are left out.

    A graded verdict counts as right from a half on. A preference of one answer over another has no counterpart in the rules.
    """
    if run.provenance.get(JUDGED_BY, {}).get("spec", {}).get("use") == "pairwise":
        return {}
    frame = run.table.select("task", "document_id", "correct", "value").with_columns(
        said=pl.col("value") >= RIGHT_FROM
    )
    tasks = tasks_of(frame)
    parts = {ALL: frame, **{task: frame.filter(task=task) for task in tasks if len(tasks) > 1}}
    found = {
        name: agreement(*(part[column].to_list() for column in ("correct", "said", "document_id")))
        for name, part in parts.items()
    }
    return {name: one for name, one in found.items() if one is not None}


class LeftOpen(NamedTuple):
    """Why the judge gave no verdict on so many answers, and the first of them in its own words."""

    why: str
    answers: int
    first: str


def left_open(run: StoredRun) -> list[LeftOpen]:
    """Why the judge gave no verdict, the most frequent first; replies that are none are one kind, whatever they say."""
    said = pl.col("note").str.strip_prefix(f"{NOT_JUDGED}: ")
    why = pl.when(said.str.starts_with(NO_VERDICT)).then(pl.lit(NO_VERDICT)).otherwise(said)
    failed = (
        run.table.select("note").filter(pl.col("note").str.starts_with(NOT_JUDGED)).select(why=why, said=said)
    )
    kinds = failed.group_by("why").agg(pl.len(), pl.col("said").min())
    return [LeftOpen(*row) for row in kinds.sort(["len", "why"], descending=[True, False]).iter_rows()]


def judge_sentences(study: Study) -> Iterator[str]:
    """What must be said of a run's judge; nothing where the rules or a data set's measures fill the table."""
    run = study.run
    told: Mapping[str, Any] = run.provenance.get(JUDGED_BY, {})
    if not told:
        return
    found = beside_rules(run).get(ALL)
    judged = f"{run.judge} judged {told['judged']:,} answers{_spent(told, study.judge_price)}"
    if found is None:
        yield f"{judged}."
    else:
        shown = "" if found.kappa.value is None else f", kappa {plain_text(found.kappa)}"
        yield f"{judged}; the rules' verdict is the same on {share_text(found.same)} of {found.same.n:,}{shown}."
    if open_ := left_open(run):
        count = sum(one.answers for one in open_)
        yield f"{count:,} answers were not judged and are in no mean; the same command asks again: {open_[0].first}"


def share_text(value: Estimate) -> str:
    """A share in percent with its interval, for a sentence."""
    text = f"{100 * (value.value or 0):.1f}%"
    if value.low is None or value.high is None:
        return text
    return f"{text} ({100 * value.low:.0f} to {100 * value.high:.0f})"


def plain_text(value: Estimate) -> str:
    """A figure with its interval, for a sentence."""
    if value.value is None:
        return "unknown"
    text = f"{value.value:.2f}" + ("" if value.low is None else f" ({value.low:.2f} to {value.high:.2f})")
    return text.replace("-", "−")


def _spent(told: Mapping[str, Any], price: Price | None) -> str:
    """What a model's verdicts cost, those of earlier runs with them; nothing of a function's."""
    if not told["calls"]:
        return ""
    usage = Usage(**{name: told.get(name, 0) for name in PRICED})
    money = "" if price is None else f", ${price.of(usage):,.2f}, which are no reader's"
    return f" for {usage.prompt_tokens:,} tokens read and {usage.output_tokens:,} written{money}"
