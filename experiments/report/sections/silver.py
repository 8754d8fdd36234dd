"""Silver evidence: how often the passages that were read hold the answer, beside what chance would find."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np

from rlc.data.records import Evidence
from rlc.experiments.report.cells import name, percent
from rlc.experiments.report.records import Section, Table
from rlc.experiments.runs.results_table import PIECES
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

TITLE = "Silver evidence"
Spans = Sequence[Evidence]


def silver_recall(study: Study) -> Section | None:
    """Recall of the passages that were read; None where no reader says what it read."""
    readers = [e for e in study.readers if study.rows(e, PIECES)[PIECES].sum()]
    if not readers:
        return None
    if study.dataset is None:
        return Section("silver", TITLE, texts=(f"Not measured: {study.absence}.",))
    return Section(
        "silver",
        "Gold evidence" if study.marked and not study.gold else TITLE,
        texts=(
            f"{_whence(study)} The passages "
            "hold the evidence if all of it stands in those of the question's own document. Chance is high, so passages of the same lengths from random "
            "places, and from the document's beginning, stand beside; the whole document holds all.",
        ),
        tables=(
            Table(
                "Passages that hold the evidence",
                ("reader", "passages read", "random places", "the beginning", "share of the text read"),
                [
                    (
                        name(reader.label),
                        *(percent(study.mean(v)) for v in _measured(study, reader)),
                    )
                    for reader in readers
                ],
            ),
        ),
    )


def _whence(study: Study) -> str:
    """How the evidence is known, and of how many questions."""
    marked = f"The data set marks where the evidence of {len(study.marked):,} of {study.examples.height:,} questions stands."
    ruled = (
        f"Evidence is found by rule, so these figures are silver: {len(study.gold):,} of {study.examples.height:,} "
        "questions have an answer (numbers, or a few words) that their document holds word for word."
    )
    return " ".join(([marked] if study.marked else []) + ([ruled] if study.gold or not study.marked else []))


def _measured(study: Study, reader: ReaderInfo) -> list[Floats]:
    """By question, NaN where the rule has nothing to say or nothing was read: found, at random, at first, share."""
    shares = np.full(study.examples.height, np.nan)
    for id_, spans in study.read(reader):
        if id_ in study.gold_places:
            shares[study.places[id_]] = _covered(spans) / max(1, _length(study, id_))
    return [
        study.found[reader.name],
        study.held((id_, _random(id_, _length(study, id_), spans)) for id_, spans in study.read(reader)),
        study.held((id_, _first(spans)) for id_, spans in study.read(reader)),
        shares,
    ]


def _length(study: Study, id_: str) -> int:
    return len(study.asked[id_].document.page_content)


def _random(seed: str, length: int, spans: Spans) -> Spans:
    draw = Random(seed)  # noqa: S311 - a baseline, not a secret; a text seeds alike in every process
    starts = [draw.randint(0, max(0, length - (e.end - e.start))) for e in spans]
    return [replace(e, start=at, end=at + e.end - e.start) for at, e in zip(starts, spans, strict=True)]


def _first(spans: Spans) -> Spans:
    return [Evidence(e.document_id, 0, sum(e.end - e.start for e in spans)) for e in spans[:1]]


def _covered(spans: Spans) -> int:
    """Characters within the spans, overlaps counted once."""
    total = reached = 0
    for start, end in sorted((e.start, e.end) for e in spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
