"""A run's figures as metrics, in the groups `answer/`, `retrieval/`, `cost/` and `router/`.

What is unknown (no gold answers, nothing timed, documents not at hand) is left out, never zero.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from rlc.data.records import Dataset
from rlc.data.spec import fingerprint
from rlc.experiments.metrics.evidence import first_rank, recall_at, silver
from rlc.experiments.report.sections.costs import SECONDS, TOKENS
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

HEADLINE = (
    "answer/accuracy",
    "answer/failures",
    "retrieval/silver_recall",
    "cost/prompt_tokens",
    "cost/seconds",
)
CUTOFFS = (1, 3, 5, 10)


def metrics_of(study: Study, reader: ReaderInfo, summary: Mapping[str, Any]) -> dict[str, float]:
    """All metrics of one reader, under names that MLflow takes."""
    found: dict[str, float | None] = {
        **_answers(summary),
        **_costs(study.answered(reader, *TOKENS, *SECONDS), summary),
        **(_routing(study, reader, summary) if reader.role == "router" else _retrieval(study, reader)),
    }
    return {metric_name(key): float(v) for key, v in found.items() if v is not None and math.isfinite(v)}


def metric_name(name: str) -> str:
    """The name with what MLflow does not take replaced, part by part, so that two names never become one.

    A part that had to change ends on four digits of its digest.

    >>> metric_name("models/a-5"), metric_name("a@5") == metric_name("a#5")
    ('models/a-5', False)
    """
    return "/".join(
        part if part == (clean := taken(part)) else f"{clean}_{fingerprint(part)[:4]}"
        for part in name.split("/")
    )


def taken(part: str) -> str:
    """A name that MLflow takes: other characters become `_`, and so does a part of dots alone.

    >>> taken("members[0].use"), taken("..")
    ('members_0_.use', '_')
    """
    return re.sub(r"[^\w.\- :/]", "_", part) if part.strip(".") else "_"


def _answers(summary: Mapping[str, Any]) -> dict[str, float | None]:
    accuracy = summary["accuracy"]
    return {
        "answer/accuracy": accuracy["value"],
        "answer/accuracy_low": accuracy["low"],
        "answer/accuracy_high": accuracy["high"],
        "answer/judged": accuracy["n"],
        "answer/n": summary["n"],
        "answer/failures": summary["failures"],
        "answer/cut": summary["cut_answers"],
        "answer/f1": summary["f1"],
        **{f"answer/accuracy_{task}": found["value"] for task, found in summary["tasks"].items()},
    }


def _costs(answered: pl.DataFrame, summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Means per answered question, seconds only where something was timed; a document's first question apart."""
    timed = answered["seconds"].sum() > 0
    means = answered.select(list(TOKENS) + (list(SECONDS) if timed else [])).mean()
    return {
        **{f"cost/{name}": means[name].item() for name in means.columns},
        **{
            f"cost/{part}_question_{unit}": value
            for unit in ("tokens", "seconds")
            for part, value in (summary["cost"][unit] or {}).items()
        },
    }


def _routing(study: Study, reader: ReaderInfo, summary: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {f"router/share_{route}": v for route, v in summary["shares"].items()}
    for routing in study.routings:
        if routing.router.name == reader.name:
            found |= {
                "router/gain": routing.score.gain.value,
                "router/gain_low": routing.score.gain.low,
                "router/gain_high": routing.score.gain.high,
                "router/oracle_accuracy": routing.top.oracle.value,
                "router/gap_closed": routing.score.closed.value,
            }
    return found


def _retrieval(study: Study, reader: ReaderInfo) -> dict[str, float | None]:
    """How many passages were read, and where the documents are at hand how often they hold the silver evidence."""
    rows = study.answered(reader, "example_id", "document_id", "evidence").filter(
        pl.col("evidence").list.len() > 0
    )
    if rows.is_empty():
        return {}
    passages = rows["evidence"].list.len()
    found: dict[str, float | None] = {"retrieval/passages": float(passages.mean())}  # type: ignore[arg-type]
    ranks = silver_ranks(rows, study.dataset) if study.dataset else []
    if not ranks:
        return found
    longest = max(passages)
    return {
        **found,
        "retrieval/silver_questions": len(ranks),
        "retrieval/silver_recall": recall_at(ranks, longest),
        **{f"retrieval/silver_recall_at_{k}": recall_at(ranks, k) for k in CUTOFFS if k <= longest},
        "retrieval/silver_reciprocal_rank": sum(1 / rank for rank in ranks if rank) / len(ranks),
    }


def silver_ranks(rows: pl.DataFrame, dataset: Dataset) -> list[int | None]:
    """How many passages, best first, it takes to hold the evidence; a rank per question that the rule decides.

    A passage of another document takes a rank and holds nothing.
    """
    asked = set(rows["example_id"])
    examples = {example.id: example for example in dataset.examples if example.id in asked}
    gold = silver(examples.values())
    return [
        first_rank(
            [text[e["start"] : e["end"]] if e["document_id"] == document else "" for e in evidence], gold[id_]
        )
        for id_, document, evidence in rows.select("example_id", "document_id", "evidence").iter_rows()
        if id_ in gold
        for text in [examples[id_].document.page_content]
    ]
