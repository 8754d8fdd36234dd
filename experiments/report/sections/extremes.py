"""The questions on which the arms differ most, with the evidence in colour and what each arm read and said."""

from collections.abc import Mapping, Sequence

import numpy as np

from rlc.data.text.escape import shorten
from rlc.experiments.report.marks import gold_excerpts, passages, plain
from rlc.experiments.report.records import Block, Excerpt, Section
from rlc.experiments.runs.results import ResultRow, evidence_of, verdict
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

SHOWN = 10
LONGEST_ANSWER = 400
LONGEST_PASSAGE = 700
PASSAGES = 2


def extremes(study: Study) -> Section | None:
    """Ten questions; None where no two arms are compared or they never differ."""
    pairs = _pairs(study)
    if not pairs:
        return None
    apart, f1 = (gaps(study, pairs, column) for column in ("value", "f1"))
    ids = study.examples["example_id"].to_list()
    order = sorted(
        (i for i in range(len(ids)) if abs(apart[i]) > 0),
        key=lambda i: (-abs(apart[i]), -abs(np.nan_to_num(f1[i])), ids[i]),
    )
    if not order:
        return None
    first, second = pairs[0][0].short, pairs[0][1].short
    models = f", over {len(pairs)} models" if len(pairs) > 1 else ""
    which = f"{SHOWN} of the {len(order):,}" if len(order) > SHOWN else f"{len(order)}"
    texts = [
        f"The {which} questions on which {first} and {second} differ{models}, largest difference in right answers first, "
        "then in token F1. Gold evidence is marked where the rule finds it; struck out is what a pruner dropped."
    ]
    if study.dataset is None:
        texts.append(f"Without the documents, so without the evidence: {study.absence}.")
    return Section(
        "extremes",
        "Where the arms differ most",
        texts,
        blocks=[
            _block(study, pairs, id_, rows)
            for id_, rows in study.on(*(ids[i] for i in order[:SHOWN])).items()
        ],
    )


def gaps(study: Study, pairs: Sequence[tuple[ReaderInfo, ReaderInfo]], column: str) -> Floats:
    """By question, the mean over pairs of first minus second in a column; NaN where no pair has both."""
    table = np.stack([study.values(one, column) - study.values(other, column) for one, other in pairs])
    there = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, table, 0).sum(0) / there.sum(0))


def _pairs(study: Study) -> list[tuple[ReaderInfo, ReaderInfo]]:
    """The first two arms of every group, long context first, of the kinds that the first such pair is of."""
    found: dict[str, tuple[ReaderInfo, ReaderInfo]] = {}
    for one, other in study.pairs():
        if one.role != other.role:
            found.setdefault(one.group, (one, other))
    kinds = [(one.short, other.short) for one, other in found.values()]
    return [pair for pair, kind in zip(found.values(), kinds, strict=True) if kind == kinds[0]]


def _block(
    study: Study, pairs: Sequence[tuple[ReaderInfo, ReaderInfo]], id_: str, rows: Mapping[str, ResultRow]
) -> Block:
    some = next(iter(rows.values()))
    facts = ", ".join(str(some[key]) for key in ("task", "length", "type") if some[key])
    excerpts = [plain("asked", f"{id_}: {facts}")]
    excerpts += [plain("gold answer", answer, LONGEST_ANSWER) for answer in some["answers"] or ("none",)]
    if id_ in study.gold_places:
        excerpts += gold_excerpts(study.asked[id_].document.page_content, study.gold_places[id_])[:1]
    for side in (0, 1):
        arms = [pair[side] for pair in pairs if pair[side].name in rows]
        excerpts += _side(study, [(arm, rows[arm.name]) for arm in arms], id_)
    return Block(shorten(some["question"], 300), excerpts)


def _side(study: Study, arms: Sequence[tuple[ReaderInfo, ResultRow]], id_: str) -> list[Excerpt]:
    """One strategy: its verdicts, and the answer and the passages of its first model that has the usual verdict."""
    judged = [(arm, row) for arm, row in arms if row["value"] is not None]
    if not judged:
        return [plain(arms[0][0].short, "failed")] if arms else []
    mean = sum(row["value"] for _, row in judged) / len(judged)
    arm, row = min(judged, key=lambda one: (abs(one[1]["value"] - mean), -one[1]["value"]))
    said = verdict(row["value"])
    if len(arms) > 1:
        right = sum(row["value"] == 1 for _, row in judged)
        said = f"right for {right} of {len(judged)}; {arm.group}"
    found = [plain(f"{arm.short}: {said}", row["prediction"], LONGEST_ANSWER)]
    text = study.asked[id_].document.page_content if id_ in study.asked else None
    gold = study.gold_places.get(id_, ())
    read = passages(evidence_of(row["evidence"]), row["document_id"], text, gold, LONGEST_PASSAGE)
    return found + [one._replace(name=f"{arm.short}, {one.name}") for one in read[:PASSAGES]]
