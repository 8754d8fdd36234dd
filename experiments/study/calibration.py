"""Judges held against human verdicts: how often they agree, where they err, and what accuracy is without the errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rlc.experiments.judges.base import RIGHT_FROM
from rlc.experiments.runs.human import Verdicts, read_verdicts
from rlc.experiments.statistics.corrected import corrected_mean, kappa_estimate
from rlc.experiments.statistics.intervals import Estimate, estimate
from rlc.experiments.study.judging import plain_text, share_text
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

RULES = "the rules"
FIGURES = {"yes": 1.0, "no": 0.0}  # of the words; whoever is unsure gives none
SAID = ("example_id", "prediction")
FEWEST = 20  # human verdicts on a reader: from fewer its accuracy is not corrected


@dataclass(frozen=True)
class Held:
    """A judge held against human verdicts: the share of equal verdicts, kappa, and which errors it makes.

    `passed` of `wrong` answers that humans call wrong it calls right, `failed` of `right` ones that they call right wrong.
    """

    judge: str
    same: Estimate
    kappa: Estimate
    passed: int
    wrong: int
    failed: int
    right: int


@dataclass(frozen=True)
class Corrected:
    """A reader's accuracy by the judge on all its answers, and corrected by what humans said of some of them."""

    reader: ReaderInfo
    judged: Estimate
    human: int
    corrected: Estimate | None


@dataclass(frozen=True)
class Calibration:
    """What the human verdicts on a run say of its judges, the one that fills the table first.

    `verdicts` counts those that were held against a judge, `documents` the documents behind them; `unsure` those that say
    neither right nor wrong, `strangers` those on answers that the run does not hold.
    """

    verdicts: int
    documents: int
    unsure: int
    strangers: int
    held: Sequence[Held]
    corrected: Sequence[Corrected]


def calibration(study: Study, verdicts: Verdicts | None = None) -> Calibration | None:
    """Hold the run's judge and the rules against the human verdicts beside the run; None where there are none.

    The figure that fills the table counts as right from a half on where it is held against a yes or no; corrected it stays
    the share that it is.

    Raises:
        DataError: if the human verdicts cannot be read.
    """
    given = read_verdicts(study.run.folder) if verdicts is None else verdicts
    if not given:
        return None
    human = pl.DataFrame(
        [(id_, reader, FIGURES.get(one.right)) for (id_, reader), one in given.items()],
        schema={"example_id": pl.String, "reader": pl.String, "human": pl.Float64},
        orient="row",
    )
    columns = ("reader", "example_id", "document_id", "prediction", "value")
    answered = study.run.table.where(*columns, "correct", of=pl.col("error").is_null())
    rows = answered.select(*columns, rules=pl.col("correct").cast(pl.Float64))
    strangers = human.join(rows, on=("reader", "example_id"), how="anti")
    own = rows.join(human, on=("reader", "example_id"), how="left", maintain_order="left")
    seen = own.drop_nulls("human").unique(SAID, keep="first", maintain_order=True)
    # What is said of an answer is said of the router's row, too, that hands it on.
    joined = own.drop("human").join(seen.select(*SAID, "human"), on=SAID, how="left", maintain_order="left")
    filled = study.run.judge or (
        "" if set(study.run.table.select("measure")["measure"]) <= {"rule"} else "the measure"
    )
    judges = {**({filled: pl.col("value") >= RIGHT_FROM} if filled else {}), RULES: pl.col("rules") == 1}
    return Calibration(
        verdicts=seen.height,
        documents=seen["document_id"].n_unique(),
        unsure=human["human"].null_count() - strangers["human"].null_count(),
        strangers=strangers.height,
        held=[_held(name, seen.with_columns(said=said)) for name, said in judges.items()],
        corrected=[_corrected(study, reader, joined.filter(reader=reader.name)) for reader in study.readers],
    )


def _held(judge: str, seen: pl.DataFrame) -> Held:
    both = seen.drop_nulls("said").with_columns(pl.col("said").cast(pl.Float64))
    human, said = both["human"].to_numpy(), both["said"].to_numpy()
    documents = both["document_id"].to_list()
    return Held(
        judge,
        same=estimate(np.asarray(human == said, np.float64), documents),
        kappa=kappa_estimate(human, said, documents),
        passed=int(((human == 0) & (said == 1)).sum()),
        wrong=int((human == 0).sum()),
        failed=int(((human == 1) & (said == 0)).sum()),
        right=int((human == 1).sum()),
    )


def _corrected(study: Study, reader: ReaderInfo, rows: pl.DataFrame) -> Corrected:
    judged = rows.drop_nulls("value")
    human = judged["human"].to_list()
    count = len(human) - judged["human"].null_count()
    figures, documents = judged["value"].to_numpy(), judged["document_id"].to_list()
    enough = count >= FEWEST
    return Corrected(
        reader,
        study.overall[reader.name],
        count,
        corrected_mean(figures, human, documents) if enough else None,
    )


def trust_sentences(found: Calibration, *, in_words: bool = True) -> Iterator[str]:
    """How far the judges can be trusted, from how many human verdicts; not `in_words` where a table says how far."""
    if found.verdicts:
        verdicts, documents = "verdict" + "s" * (found.verdicts > 1), "document" + "s" * (found.documents > 1)
        yield f"Held against {found.verdicts:,} human {verdicts} on {found.documents:,} {documents}."
    for one in found.held if in_words else ():
        if not one.same.n:
            yield f"{one.judge}: no verdict on any of them."
            continue
        yield (
            f"{one.judge}: the humans' verdict on {share_text(one.same)} of {one.same.n:,}, kappa {plain_text(one.kappa)}; right "
            f"where they say wrong on {one.passed} of {one.wrong}, wrong where they say right on {one.failed} of {one.right}."
        )
    short = [one for one in found.corrected if one.corrected is None]
    if short:
        needs = ", ".join(f"{one.reader.label} {one.human}" for one in short)
        yield f"Accuracy is corrected from {FEWEST} human verdicts on a reader on, and there are: {needs}."
    if found.unsure:
        yield f"Unsure, and counted for nothing: {found.unsure:,}."
    if found.strangers:
        yield f"On answers that this run does not hold, or that failed: {found.strangers:,}."


def corrected_rows(found: Calibration) -> list[Mapping[str, object]]:
    """The corrected accuracies as plain data, for programs."""
    return [
        {
            "reader": one.reader.name,
            "judged": one.judged.value,
            "human": one.human,
            "corrected": None if one.corrected is None else one.corrected.value,
            "low": None if one.corrected is None else one.corrected.low,
            "high": None if one.corrected is None else one.corrected.high,
        }
        for one in found.corrected
    ]
