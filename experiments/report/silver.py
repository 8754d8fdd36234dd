"""Silver evidence: how often the passages that were read hold the answer, beside what chance would find."""

from collections.abc import Iterable, Mapping
from random import Random

import numpy as np
import polars as pl

from rlc.data.records import Example
from rlc.experiments.metrics.evidence import first_rank, silver
from rlc.experiments.report.cells import name, percent
from rlc.experiments.report.lineup import Entry
from rlc.experiments.report.records import Section, Table
from rlc.experiments.report.study import Study
from rlc.experiments.resample import Floats

TITLE = "Silver evidence"
Spans = list[tuple[int, int]]


def silver_recall(study: Study) -> Section | None:
    """Recall of the passages that were read; None where no reader says what it read."""
    readers = [e for e in study.entries if study.rows[e.name]["evidence"].list.len().sum()]
    if not readers:
        return None
    if study.dataset is None:
        return Section("silver", TITLE, texts=(f"Not measured: {study.absence}.",))
    asked = set(study.examples["example_id"])
    examples = {e.id: e for e in study.dataset.examples if e.id in asked}
    gold = silver(examples.values())
    return Section(
        "silver",
        TITLE,
        texts=(
            f"Evidence is found by rule, so these figures are silver: {len(gold):,} of {study.examples.height:,} "
            "questions have an answer (numbers, or a few words) that their document holds word for word. The passages "
            "hold the evidence if all of it stands in them. Chance is high, so passages of the same lengths from random "
            "places, and from the document's beginning, stand beside; the whole document holds all.",
        ),
        tables=(
            Table(
                "Passages that hold the evidence",
                ("reader", "passages read", "random places", "the beginning", "share of the text read"),
                [
                    (
                        name(entry.label),
                        *(percent(study.mean(v)) for v in _measured(study, entry, examples, gold)),
                    )
                    for entry in readers
                ],
            ),
        ),
    )


def _measured(
    study: Study, entry: Entry, examples: Mapping[str, Example], gold: Mapping[str, tuple[str, ...]]
) -> list[Floats]:
    """By question, NaN where the rule has nothing to say or nothing was read: found, at random, at first, share."""
    values = np.full((4, study.examples.height), np.nan)
    spans = _spans(study.answered(entry))
    for place, example_id in enumerate(study.examples["example_id"]):
        if example_id in gold and example_id in spans:
            text, read = examples[example_id].document.page_content, spans[example_id]
            for line, drawn in enumerate((read, _random(example_id, len(text), read), _first(read))):
                found = first_rank([text[start:end] for start, end in drawn], gold[example_id])
                values[line, place] = found is not None
            values[3, place] = _covered(read) / max(1, len(text))
    return list(values)


def _spans(rows: pl.DataFrame) -> dict[str, Spans]:
    """The spans that were read of each question's own document."""
    return {
        example_id: [(e["start"], e["end"]) for e in evidence if e["document_id"] == document_id]
        for example_id, document_id, evidence in rows.select(
            "example_id", "document_id", "evidence"
        ).iter_rows()
        if evidence
    }


def _random(seed: str, length: int, spans: Spans) -> Spans:
    draw = Random(seed)  # noqa: S311 - a baseline, not a secret; a text seeds alike in every process
    starts = [draw.randint(0, max(0, length - (end - start))) for start, end in spans]
    return [(at, at + end - start) for at, (start, end) in zip(starts, spans, strict=True)]


def _first(spans: Spans) -> Spans:
    return [(0, sum(end - start for start, end in spans))]


def _covered(spans: Iterable[tuple[int, int]]) -> int:
    """Characters within the spans, overlaps counted once."""
    total = reached = 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
