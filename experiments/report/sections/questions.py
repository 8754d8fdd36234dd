"""Every question with what every reader answered, to be searched and sorted in the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from rlc.data.text.escape import shorten
from rlc.experiments.report.records import Grid, Section, Sortable, Value
from rlc.experiments.runs.results import verdict
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

LONGEST_ANSWER = 300
LONGEST_GOLD = 200
MOST = 20_000  # answers in the page, some 400 bytes each: a browser still opens and sorts it


def questions(study: Study) -> Section:
    """A row a question, which opens to a row a reader; of very many, questions at even steps through their order."""
    several = len(study.groups) > 1
    count = study.examples.height
    most = max(1, MOST // len(study.readers))
    places = np.linspace(0, count - 1, min(count, most)).astype(int).tolist()
    columns = ["question", "task", "length", "type", "gold answer", *study.kinds, "id"]
    rates = [_rates(study, readers) for readers in study.kinds.values()]
    asked = study.asked_in(
        "example_id", "question", "task", "length", "type", "answers", places=places
    ).rows()
    rows: list[Sequence[Value]] = [
        (
            question,
            task,
            length,
            kind,
            shorten(" / ".join(answers), LONGEST_GOLD),
            *(_shown(right[place], judged[place], several) for right, judged in rates),
            id_,
        )
        for place, (id_, question, task, length, kind, answers) in zip(places, asked, strict=True)
    ]
    by_id = _answers(study, [row[0] for row in asked])
    part = f" of {count:,}" if len(rows) < count else ""
    return Section(
        "questions",
        "Every question",
        grid=Grid(
            f"{len(rows):,}{part} questions and {sum(map(len, by_id.values())):,} answers",
            columns,
            rows,
            ("reader", "verdict", "rule", "prompt tokens", "answer"),
            list(by_id.values()),
            note="A question opens to all answers. The search looks through questions, gold answers and answers; words may "
            "be of different columns, such as: reasoning 128k wrong."
            + (" These are questions at even steps; `rlc show` has every one." if part else "")
            + (" Columns of readers count the models that were right, of those judged." if several else ""),
        ),
    )


def _rates(study: Study, readers: Sequence[ReaderInfo]) -> tuple[Floats, Floats]:
    """By question, how many of these readers were right, and how many were judged."""
    table = np.stack([study.outcomes[reader.name] for reader in readers])
    return np.nansum(table, axis=0), (~np.isnan(table)).sum(axis=0).astype(np.float64)


def _shown(right: float, judged: float, several: bool) -> Value:
    if not judged:
        return None
    share = round(right / judged, 4)
    return Sortable(share, f"{right:.0f} of {judged:.0f}" if several else verdict(right))


def _answers(study: Study, ids: Sequence[str]) -> Mapping[str, list[tuple[Value, ...]]]:
    """By question, a row per reader, in the order of the run."""
    found: dict[str, list[tuple[Value, ...]]] = {id_: [] for id_ in ids}
    columns = ("reader", "example_id", "error", "value", "reason", "prompt_tokens", "prediction", "route")
    readers = {reader.name: reader for reader in study.readers}
    for row in study.run.table.where(*columns, of=pl.col("example_id").is_in(ids)).iter_rows(named=True):
        said = "failed" if row["error"] is not None else verdict(row["value"])
        reader = readers[row["reader"]]
        found[row["example_id"]].append(
            (reader.label, said, row["reason"], row["prompt_tokens"], _said(row, reader))
        )
    return found


def _said(row: Mapping[str, Any], reader: ReaderInfo) -> str:
    """The answer; a router's is its arm's, and stands there."""
    if row["error"] is not None:
        return shorten(row["error"], LONGEST_ANSWER)
    if reader.role == "router" and row["route"] in reader.arms:
        return f"as {row['route']}"
    return shorten(row["prediction"], LONGEST_ANSWER)
