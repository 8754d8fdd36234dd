"""Position profile: accuracy by where in the document the answer lies."""

import json
from collections.abc import Mapping
from functools import partial

import numpy as np

from rlc.experiments.report.figures.bins import profile
from rlc.experiments.report.records import Plot, Section
from rlc.experiments.report.sections.differences import by_slice
from rlc.experiments.report.sections.slices import accuracy_table
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.study import Mask, Study

FIFTHS = 5
TITLE = "Where in the document the answer lies"


def position(study: Study) -> Section | None:
    """By the part that a question was written on, and by where silver evidence lies; None where neither is known."""
    written, seen = from_parts(study), from_evidence(study)
    texts, plots, tables = [], [], []
    for key, title, values, told in (
        (
            "parts",
            "by the part that the question was written on",
            written,
            "LaRA's questions were written on one part of a document at a time (its field context_order); questions on all of "
            "it, and comparisons, have no such part and are left out. A part's place is that of its middle, taking the "
            "highest number among a document's questions for its last part.",
        ),
        (
            "evidence",
            "by the place of the silver evidence",
            seen,
            "Silver evidence is placed where the answer's words and figures stand; only questions count all of whose "
            "places lie in one fifth of the document.",
        ),
    ):
        masks = fifths(values)
        if not masks:
            continue
        texts.append(told)
        caption = f"Share of right answers {title}, with 95% intervals"
        several = " (the mean over models)" if len(study.groups) > 1 else ""
        plots.append(
            Plot(
                f"position-{key}",
                f"{caption}{several}.",
                partial(profile, study, masks, "place in the document"),
            )
        )
        tables.append(accuracy_table(study, f"Accuracy {title}", masks, folded=len(study.readers) > 4))
        differences = by_slice(study, masks, f"Differences {title}")
        tables += [differences] if differences.rows else []
    if not plots:
        return None
    return Section("position", TITLE, texts, plots, tables)


def from_parts(study: Study) -> Floats:
    """By question, the place of the middle of the part that it was written on, in [0, 1]; NaN where unknown."""
    orders = [_order(text) for text in study.asked_in("metadata")["metadata"]]
    last: dict[str, float] = {}
    for document, order in zip(study.documents, orders, strict=True):
        last[document] = np.fmax(last.get(document, np.nan), order)
    places = [
        (order + 0.5) / (last[document] + 1) for document, order in zip(study.documents, orders, strict=True)
    ]
    return np.array(places, dtype=np.float64)


def _order(metadata: str) -> float:
    order = str(json.loads(metadata or "{}").get("context_order"))
    return float(order) if order.isdecimal() else np.nan


def from_evidence(study: Study) -> Floats:
    """By question, where its silver evidence begins, in [0, 1); NaN where unknown or spread over several fifths."""
    values = np.full(study.examples.height, np.nan)
    for place, name in enumerate(study.examples["example_id"]):
        spans = study.gold_places.get(name, ())
        length = len(study.asked[name].document.page_content) if spans else 1
        if len({FIFTHS * start // length for start, _ in spans}) == 1:
            values[place] = next(start for start, _ in spans) / length
    return values


def fifths(values: Floats) -> Mapping[str, Mask]:
    """The questions by fifth of the document; empty where no place is known."""
    if np.isnan(values).all():
        return {}
    step = 100 // FIFTHS
    with np.errstate(invalid="ignore"):
        number = np.minimum(values * FIFTHS // 1, FIFTHS - 1)
    return {f"{i * step}–{(i + 1) * step}%": number == i for i in range(FIFTHS)}
