"""Two runs side by side: the same questions, readers matched by name, what changed and what else differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from rlc.data.errors import DataError, UsageError, unknown
from rlc.data.spec import flatten
from rlc.experiments.runs.provenance import JUDGED_BY
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.scorers.measured import RULE
from rlc.experiments.statistics.intervals import Difference, difference
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Comparison, Study, corrected, make_study

SIDES = ("first", "second")
COMPARED = ("example_id", "document_id", "error", "value", "prompt_tokens", "seconds", "prediction")
TOLD = ("example_id", "question", "answers", "prediction", "measure", "reason", "note")
PASSING = ("date", "dataset.root")  # differ between any two runs and say nothing


@dataclass(frozen=True)
class Flip:
    """A question whose verdict changed: both answers, and why each was judged as it was."""

    example_id: str
    question: str
    gold: Sequence[str]
    first: str
    second: str
    first_reason: str
    second_reason: str


@dataclass(frozen=True)
class Change:
    """A reader of the first run and one of the second.

    `comparison` is second minus first, on the questions where both have a verdict; `tokens` and `seconds` are paired
    differences on those that both answered (`seconds` is None where one was not timed). `same` counts equal texts
    among the `answered` ones. `gained` went from wrong to right, `lost` from right to wrong.
    """

    first: str
    second: str
    comparison: Comparison
    tokens: Difference
    seconds: Difference | None
    answered: int
    same: int
    failures: tuple[int, int]
    gained: Sequence[Flip]
    lost: Sequence[Flip]
    settings: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class RunDiff:
    """What changed from one run to another. `alone` are the readers by side, `asked` the questions, without partner.

    `judges` are those that filled the figures, by side, where they are not the same, or not with the same settings.
    """

    first: StoredRun
    second: StoredRun
    changes: Sequence[Change]
    questions: int
    asked: tuple[int, int]
    alone: tuple[Sequence[str], Sequence[str]]
    origin: Sequence[tuple[str, str, str]]
    judges: tuple[str, str] | None


def diff_runs(first: StoredRun, second: StoredRun, pairs: Mapping[str, str] | None = None) -> RunDiff:
    """Compare two runs question by question.

    Args:
        first: the run that differences are taken from.
        second: the other; a positive change means that it is better.
        pairs: names of readers of the first run to those of the second that stand for them; the others are matched
            by name.

    Raises:
        UsageError: if a named reader is not there, or no reader or no question is in both.
        DataError: if a question of one id reads otherwise in the other run.
    """
    names = _matched(first, second, pairs or {})
    asked = [run.table.select("example_id").unique() for run in (first, second)]
    common = asked[0].join(asked[1], on="example_id", how="semi")
    if common.is_empty():
        raise UsageError(
            f"{first.folder.name} and {second.folder.name} have no question in common, so nothing can be compared: "
            "give two runs on the same data set and selection"
        )
    _check_questions(first, second)
    study = _study(first, second, common, names)
    compared = corrected(
        [
            study.compare(study.reader(f"second/{other}"), study.reader(f"first/{one}"))
            for one, other in names.items()
        ]
    )
    return RunDiff(
        first=first,
        second=second,
        changes=[
            _change(study, first, second, one, other, comparison)
            for (one, other), comparison in zip(names.items(), compared, strict=True)
        ],
        questions=common.height,
        asked=(asked[0].height - common.height, asked[1].height - common.height),
        alone=(
            [name for name in first.table.readers if name not in names],
            [name for name in second.table.readers if name not in names.values()],
        ),
        origin=differing(_origin(first), _origin(second), PASSING),
        judges=_judges(first, second),
    )


def _origin(run: StoredRun) -> dict[str, str]:
    """What made a run; of its judge, who it is and not what it found or cost."""
    judge = run.provenance.get(JUDGED_BY, {})
    made_by = {key: judge[key] for key in ("name", "spec") if key in judge}
    return flatten({**run.provenance, JUDGED_BY: made_by})


def _judges(first: StoredRun, second: StoredRun) -> tuple[str, str] | None:
    names = [
        ", ".join(
            "the rules" if one == RULE else one for one in sorted(set(run.table.select("measure")["measure"]))
        )
        for run in (first, second)
    ]
    told = [run.provenance.get(JUDGED_BY, {}).get("spec", {}) for run in (first, second)]
    specs = [{**spec, "allow_self": None} for spec in told]  # a leave, and no setting
    return None if names[0] == names[1] and specs[0] == specs[1] else (names[0], names[1])


def judges_text(judges: tuple[str, str]) -> str:
    """Who filled the figures of each run, where they are not the same."""
    first, second = judges
    return f"{first} in both, with other settings" if first == second else f"{first}, then {second}"


def differing(
    first: Mapping[str, str], second: Mapping[str, str], passing: Sequence[str] = ()
) -> list[tuple[str, str, str]]:
    """The keys whose values differ, with both values; empty where a side has none.

    >>> differing({"k": "5", "order": "document"}, {"k": "9", "order": "document"})
    [('k', '5', '9')]
    """
    return [
        (key, first.get(key, ""), second.get(key, ""))
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key) and key not in passing
    ]


def _matched(first: StoredRun, second: StoredRun, pairs: Mapping[str, str]) -> dict[str, str]:
    ours, theirs = first.table.readers, second.table.readers
    for name, known in [*((one, ours) for one in pairs), *((other, theirs) for other in pairs.values())]:
        if name not in known:
            raise UsageError(f"--map: {unknown('reader', name, known)}")
    taken = set(pairs.values())
    found = {name: pairs.get(name, name) for name in ours}
    names = {
        one: other for one, other in found.items() if one in pairs or (other in theirs and other not in taken)
    }
    if not names:
        raise UsageError(
            f"no reader is in both runs: {first.folder.name} has {', '.join(ours)}, {second.folder.name} has "
            f"{', '.join(theirs)}; say which stand for each other with --map FIRST=SECOND"
        )
    return names


def _check_questions(first: StoredRun, second: StoredRun) -> None:
    texts = [run.table.select("example_id", "question").unique("example_id") for run in (first, second)]
    both = texts[0].join(texts[1], on="example_id", suffix="_second")
    other = both.filter(pl.col("question") != pl.col("question_second")).sort("example_id")
    if other.height:
        raise DataError(
            f"{other.height} of {both.height} questions read otherwise in {second.folder.name}, the first being "
            f"{other['example_id'][0]!r}: the runs are on different data"
        )


def _study(first: StoredRun, second: StoredRun, common: pl.DataFrame, names: Mapping[str, str]) -> Study:
    """Both runs as one, on what is asked in both: a reader's name begins with the side that it is of."""
    wanted = (list(names), list(names.values()))
    runs = (first, second)
    rows = [
        run.table.rows.filter(pl.col("reader").is_in(readers)).with_columns(
            reader=pl.lit(f"{side}/") + pl.col("reader")
        )
        for side, run, readers in zip(SIDES, runs, wanted, strict=True)
    ]
    both = pl.concat(rows).join(common.lazy(), on="example_id", how="semi", maintain_order="left")
    specs = {
        f"{side}/{name}": spec
        for side, run in zip(SIDES, runs, strict=True)
        for name, spec in run.specs.items()
    }
    return make_study(replace(first, table=ResultsTable(both), specs=specs, labels={}))


def _change(
    study: Study, first: StoredRun, second: StoredRun, one: str, other: str, comparison: Comparison
) -> Change:
    sides = [study.reader(f"{side}/{name}") for side, name in zip(SIDES, (one, other), strict=True)]
    rows = [study.rows(side, *COMPARED) for side in sides]
    both = rows[0].join(rows[1], on="example_id", suffix="_second").sort("example_id")
    moved = pl.col("value") - pl.col("value_second")
    answered = both.filter(pl.col("error").is_null() & pl.col("error_second").is_null())
    seconds = _paired(answered, "seconds")
    timed = answered["seconds"].sum() > 0 and answered["seconds_second"].sum() > 0
    return Change(
        first=one,
        second=other,
        comparison=comparison,
        tokens=_paired(answered, "prompt_tokens"),
        seconds=seconds if timed else None,
        answered=answered.height,
        same=answered.filter(pl.col("prediction") == pl.col("prediction_second")).height,
        failures=(rows[0]["error"].count(), rows[1]["error"].count()),
        gained=_flips(study, sides, both.filter(moved < 0)["example_id"]),
        lost=_flips(study, sides, both.filter(moved > 0)["example_id"]),
        settings=differing(flatten(first.specs.get(one, {})), flatten(second.specs.get(other, {}))),
    )


def _paired(rows: pl.DataFrame, column: str) -> Difference:
    known = rows.drop_nulls([column, f"{column}_second"])
    second, first = (known[name].cast(pl.Float64).to_numpy() for name in (f"{column}_second", column))
    return difference(second, first, known["document_id"].to_list())


def _flips(study: Study, sides: Sequence[ReaderInfo], ids: pl.Series) -> list[Flip]:
    """The questions of these ids, with what both sides said."""
    told = [
        study.run.table.where(
            *TOLD, of=(pl.col("reader") == side.name) & pl.col("example_id").is_in(ids.implode())
        )
        for side in sides
    ]
    rows = told[0].join(told[1], on="example_id", suffix="_second").sort("example_id")
    columns = ("example_id", "question", "answers", "prediction", "prediction_second")
    reasons = [
        pl.when(pl.col(f"measure{side}") == RULE)
        .then(pl.col(f"reason{side}"))
        .otherwise(pl.col(f"note{side}"))
        .alias(f"why{side}")
        for side in ("", "_second")
    ]
    return [Flip(*row) for row in rows.select(*columns, *reasons).iter_rows()]
