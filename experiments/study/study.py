"""The statistics of a run, each worked out once: what all sections of the report stand on.

Outcomes are kept by question: the figure of its measure (1 right, 0 wrong for the rule judge), NaN where there is none
(the answer failed, there is no gold answer, or the reader was not asked). A mean is over the questions with a verdict, a difference over those where both
readers have one, and every interval is clustered by document.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rlc.data.errors import DataError
from rlc.data.records import Dataset, Evidence, Example, evidence_in
from rlc.experiments.metrics.cost import Price, shipped_prices
from rlc.experiments.metrics.evidence import first_rank, silver_places
from rlc.experiments.metrics.pricing import known_engines, price_of
from rlc.experiments.runs.provenance import JUDGED_BY
from rlc.experiments.runs.results import evidence_of
from rlc.experiments.runs.results_table import PIECES, ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.runs.summary import summarise
from rlc.experiments.statistics.ceiling import Ceiling, RouterScore, ceiling, score_router
from rlc.experiments.statistics.intervals import Difference, Estimate, correct, difference, estimate
from rlc.experiments.statistics.resample import Floats
from rlc.experiments.study.fits import MARK, Question, Sight, is_fitted, sight
from rlc.experiments.study.pricing import prices_of
from rlc.experiments.study.readers import ROLES, ReaderInfo, readers_of
from rlc.pipeline.routers.support.decide import HELD_OUT

Mask = NDArray[np.bool_]
Read = Iterable[tuple[str, Sequence[Evidence]]]
"""Spans of each question's own document, with the question's id."""

OF_QUESTION = ("example_id", "document_id", "task", "length", "type", "answerable")


@dataclass(frozen=True)
class Comparison:
    """First minus second on the questions where both have a verdict, with the means of both on these."""

    first: ReaderInfo
    second: ReaderInfo
    first_mean: Estimate
    second_mean: Estimate
    difference: Difference


@dataclass(frozen=True)
class Routing:
    """A router on the questions where it and both its arms have a verdict.

    `shares` are those of its answered questions by arm. `better` is the arm with the higher mean.
    """

    router: ReaderInfo
    shares: Mapping[str, float]
    better: ReaderInfo
    top: Ceiling
    score: RouterScore


@dataclass(frozen=True)
class Study:
    """A run's readers, questions and outcomes, and what follows from them.

    `examples` has a row per question, `firsts` where each stands first in the run's rows; `outcomes` and
    `wrong_if_failed` hold, by reader, a value per row of it (the latter with failed answers as 0). `sights` say of fitted routers what
    their fit has seen; the label of one that is shown on what it was fitted on ends on `MARK`. `dataset` is there where
    the documents are at hand, else `absence` says why not.
    """

    run: StoredRun
    readers: Sequence[ReaderInfo]
    examples: pl.DataFrame
    firsts: pl.Series
    outcomes: Mapping[str, Floats]
    wrong_if_failed: Mapping[str, Floats]
    prices: Mapping[str, Price] = field(default_factory=dict)
    judge_price: Price | None = None
    dataset: Dataset | None = None
    absence: str = ""
    sights: Mapping[str, Sight] = field(default_factory=dict)

    @cached_property
    def summaries(self) -> list[dict[str, Any]]:
        """A row of figures for every reader."""
        return summarise(self.run.table)

    @cached_property
    def documents(self) -> NDArray[np.object_]:
        """The document of each question: the clusters of every interval; a name stands in memory once."""
        names = self.examples["document_id"]
        known = names.unique(maintain_order=True)
        texts: NDArray[np.object_] = known.to_numpy().astype(object)
        found: NDArray[np.object_] = texts[names.cast(pl.Enum(known)).to_physical().to_numpy()]
        return found

    @cached_property
    def groups(self) -> dict[str, list[ReaderInfo]]:
        """Readers by group, in the order of the run."""
        found: dict[str, list[ReaderInfo]] = {}
        for reader in self.readers:
            found.setdefault(reader.group, []).append(reader)
        return found

    def reader(self, name: str) -> ReaderInfo:
        """The reader of that name."""
        return next(reader for reader in self.readers if reader.name == name)

    def rows(self, reader: ReaderInfo, *columns: str) -> pl.DataFrame:
        """Columns of the reader's rows."""
        return self.run.table.select(*columns, reader=reader.name)

    def answered(self, reader: ReaderInfo, *columns: str) -> pl.DataFrame:
        """Columns of the reader's rows that hold an answer."""
        rows = self.rows(reader, *dict.fromkeys(("error", *columns)))
        return rows.filter(pl.col("error").is_null()).select(columns)

    def failed(self, reader: ReaderInfo) -> int:
        """How many questions the reader failed on."""
        return int(self.rows(reader, "error")["error"].count())

    def asked_in(self, *columns: str, places: list[int] | None = None) -> pl.DataFrame:
        """Columns that are the question's own, its words among them, of all questions or those at some places of `examples`."""
        at = self.firsts if places is None else self.firsts.gather(places)
        return pl.DataFrame([self.run.table.select(name)[name].gather(at) for name in columns])

    @cached_property
    def asked(self) -> dict[str, Example]:
        """The questions with their documents, by id; empty where the documents are not at hand."""
        wanted = set(self.examples["example_id"])
        return {e.id: e for e in self.dataset.examples if e.id in wanted} if self.dataset else {}

    @cached_property
    def marked(self) -> dict[str, tuple[Evidence, ...]]:
        """The spans that hold the answer, by id, for the questions whose data set marks them (gold)."""
        return {name: example.gold for name, example in self.asked.items() if example.gold}

    @cached_property
    def gold(self) -> dict[str, tuple[str, ...]]:
        """What the documents must hold to answer, by id, for the other questions that the rule can decide (silver)."""
        return {name: gold for name, (gold, _) in self._silver.items()}

    @cached_property
    def _silver(self) -> dict[str, tuple[tuple[str, ...], list[tuple[int, int]]]]:
        return silver_places(example for example in self.asked.values() if not example.gold)

    @cached_property
    def gold_places(self) -> dict[str, list[tuple[int, int]]]:
        """Where the evidence stands in each question's document: as it is marked, else by the rule."""
        return {
            **{name: [(one.start, one.end) for one in spans] for name, spans in self.marked.items()},
            **{name: found for name, (_, found) in self._silver.items()},
        }

    def read(
        self, reader: ReaderInfo, *, elsewhere: bool = False
    ) -> Iterator[tuple[str, tuple[Evidence, ...]]]:
        """What the reader was given of each question's own document, or `elsewhere` too, where its answers say what they read.

        Of the own document it is nothing where all passages are from other documents of a collection. One question at a time: the records
        of a large run's evidence take more than its results.
        """
        if not self.says(reader):
            return
        for rows in self.run.table.parts(reader.name, "example_id", "document_id", "error", "evidence"):
            for example_id, document_id, error, items in rows.iter_rows():
                if error is None and items:
                    read = evidence_of(items)
                    yield example_id, read if elsewhere else evidence_in(document_id, read)

    def says(self, reader: ReaderInfo) -> bool:
        """Whether any answer of the reader says what it read."""
        return bool(self.answered(reader, PIECES)[PIECES].sum())

    @cached_property
    def found(self) -> dict[str, Floats]:
        """By reader that says what it read: 1 where that holds the evidence, 0 where not, NaN where unknown."""
        return {
            reader.name: self.held(self.read(reader))
            for reader in self.readers
            if self.dataset is not None and self.says(reader)
        }

    def held(self, read: Read) -> Floats:
        """By question, whether these spans hold all of the evidence; NaN where nobody knows it, or what was read."""
        values = np.full(self.examples.height, np.nan)
        for name, spans in read:
            if name in self.marked:
                values[self.places[name]] = all(covers(spans, span) for span in self.marked[name])
            elif name in self.gold:
                text = self.asked[name].document.page_content
                texts = [text[piece.start : piece.end] for piece in spans]
                values[self.places[name]] = first_rank(texts, self.gold[name]) is not None
        return values

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of `examples` of each question, by id."""
        return {name: place for place, name in enumerate(self.examples["example_id"])}

    def on(self, *ids: str) -> dict[str, dict[str, dict[str, Any]]]:
        """The rows on these questions, by question and by reader, those that were asked."""
        found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in ids}
        for row in self.run.table.where(of=pl.col("example_id").is_in(ids)).iter_rows(named=True):
            found[row["example_id"]][row["reader"]] = row
        return found

    def values(self, reader: ReaderInfo, column: str) -> Floats:
        """A column of a reader's rows by question, as numbers; NaN where there is none."""
        return _by_question(self.examples, self.rows(reader, "example_id", column), pl.col(column))

    def mean(self, values: Floats, mask: Mask | None = None) -> Estimate:
        """The mean of values per question, over those that are there and within the mask."""
        chosen = ~np.isnan(values) if mask is None else ~np.isnan(values) & mask
        return estimate(values[chosen], self.documents[chosen].tolist())

    def accuracy(self, reader: ReaderInfo, mask: Mask | None = None) -> Estimate:
        """The share of a reader's judged answers that are right."""
        return self.mean(self.outcomes[reader.name], mask)

    @cached_property
    def overall(self) -> dict[str, Estimate]:
        """Every reader's accuracy on all questions."""
        return {reader.name: self.accuracy(reader) for reader in self.readers}

    def together(self, readers: Sequence[ReaderInfo], values: Mapping[str, Floats]) -> Floats:
        """By question, the mean of what these readers have there; NaN where none has anything."""
        table = np.stack([values[reader.name] for reader in readers])
        there = ~np.isnan(table)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(there, table, 0).sum(0) / there.sum(0))

    @cached_property
    def kinds(self) -> dict[str, list[ReaderInfo]]:
        """Entries by what they are called without their group: the same strategy with several models."""
        found: dict[str, list[ReaderInfo]] = {}
        for reader in self.readers:
            found.setdefault(reader.short, []).append(reader)
        return found

    def macro(self, reader: ReaderInfo) -> Estimate:
        """LaRA's own average: files within a text type, text types within a task, tasks."""
        values = self.outcomes[reader.name]
        chosen = ~np.isnan(values)
        kept = self.examples.filter(pl.Series(chosen))
        groups: list[tuple[Hashable, ...]] = kept.select("task", "type", "document_id").rows()
        return estimate(values[chosen], kept["document_id"].to_list(), groups)

    @cached_property
    def tokens(self) -> dict[str, Estimate]:
        """Prompt tokens for an answered question, by reader."""
        return {
            reader.name: estimate(rows["prompt_tokens"].cast(pl.Float64), rows["document_id"].to_list())
            for reader in self.readers
            for rows in [self.answered(reader, "prompt_tokens", "document_id").drop_nulls("prompt_tokens")]
        }

    def pairs(self) -> list[tuple[ReaderInfo, ReaderInfo]]:
        """The arms of each group, two and two: long context first, then retrieval, then others."""
        return [
            pair
            for readers in self.groups.values()
            for pair in combinations(
                sorted((e for e in readers if e.role != "router"), key=lambda e: ROLES.index(e.role)), 2
            )
        ]

    def compare(self, first: ReaderInfo, second: ReaderInfo, mask: Mask | None = None) -> Comparison:
        """Two readers, not yet corrected for the number of comparisons."""
        one, other = self.outcomes[first.name], self.outcomes[second.name]
        both = ~np.isnan(one) & ~np.isnan(other)
        if mask is not None:
            both &= mask
        clusters = self.documents[both].tolist()
        return Comparison(
            first,
            second,
            self.mean(one, both),
            self.mean(other, both),
            difference(one[both], other[both], clusters),
        )

    @cached_property
    def routings(self) -> list[Routing]:
        """The routers whose two arms are compared too."""
        return [self._routing(reader) for reader in self.readers if len(set(reader.arms)) == 2]

    def _routing(self, router: ReaderInfo) -> Routing:
        rag, long = map(self.reader, router.arms)
        values = [self.outcomes[reader.name] for reader in (router, rag, long)]
        chosen = np.logical_and.reduce([~np.isnan(value) for value in values])
        routed, first, second = (value[chosen] for value in values)
        clusters = self.documents[chosen].tolist()
        top = ceiling(first, second, clusters)
        return Routing(
            router,
            _shares(self.answered(router, "route"), (rag, long)),
            long if (top.second.value or 0) > (top.first.value or 0) else rag,
            top,
            score_router(routed, first, second, clusters),
        )

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Arm against arm, then each router against its better arm, corrected together: one table."""
        arms = [self.compare(first, second) for first, second in self.pairs()]
        routers = [
            Comparison(r.router, r.better, r.score.accuracy, r.top.better, r.score.gain)
            for r in self.routings
        ]
        return corrected([*arms, *routers])

    @property
    def arm_comparisons(self) -> list[Comparison]:
        """The comparisons of arms with each other, corrected for their number."""
        return [one for one in self.comparisons if one.first.role != "router"]

    @property
    def router_comparisons(self) -> list[Comparison]:
        """The comparisons of each router with its better arm, in the order of `routings`."""
        return [one for one in self.comparisons if one.first.role == "router"]


def covers(read: Sequence[Evidence], span: Evidence) -> bool:
    """Whether the spans that were read hold every character of another."""
    reached = span.start
    for piece in sorted(read, key=lambda one: one.start):
        if piece.start > reached:
            break
        reached = max(reached, piece.end)
    return reached >= span.end


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of one table, corrected for their number."""
    differences = correct([one.difference for one in comparisons])
    return [
        Comparison(one.first, one.second, one.first_mean, one.second_mean, corrected_difference)
        for one, corrected_difference in zip(comparisons, differences, strict=True)
    ]


def make_study(
    run: StoredRun,
    prices: Mapping[str, Price] | None = None,
    dataset: Dataset | None = None,
    absence: str = "",
) -> Study:
    """Arrange a run's rows by reader and question; without prices of the user's, those of providers that are known count.

    Raises:
        UsageError: if the user's prices lack a model.
        DataError: if there is no row, or a question stands twice for one reader.
    """
    table = run.table
    if not table.height:
        raise DataError(f"{run.folder}: the results hold no rows, so there is nothing to report")
    for name in table.readers:
        ids = table.select("example_id", reader=name)
        if (twice := ids.filter(ids.is_duplicated())).height:
            raise DataError(
                f"{run.folder}: the reader {name!r} has several rows for {twice.item(0, 0)!r}; keep one"
            )
    ids = table.select("example_id").with_row_index("at")
    firsts = ids.unique("example_id", keep="first", maintain_order=True)["at"]
    absent = pl.col("metadata").str.json_path_match("$.names_absent") == "true"
    examples = pl.DataFrame([table.select(name)[name].gather(firsts) for name in OF_QUESTION]).with_columns(
        table.select("metadata").select(names_absent=absent)["names_absent"].gather(firsts)
    )
    failed = pl.col("error").is_not_null() & (
        (pl.col("answers").list.len() > 0) | (pl.col("answerable") == False)  # noqa: E712 - null is neither
    )
    readers = readers_of(table.readers, run.specs, run.labels)
    fitted = [(e, run.specs[e.name]) for e in readers if is_fitted(run.specs.get(e.name, {}))]
    looks = {e.name: sight(spec, e.models, _decided(table, e.name)) for e, spec in fitted}
    sights = {name: look for name, look in looks.items() if look is not None}
    marked = {name for name, look in sights.items() if look.in_sample}
    judge = run.provenance.get(JUDGED_BY, {}).get("spec", {}).get("llm")
    return Study(
        run=run,
        readers=[replace(e, label=e.label + MARK) if e.name in marked else e for e in readers],
        examples=examples,
        firsts=firsts,
        outcomes={
            name: _by_question(examples, table.select("example_id", "value", reader=name), pl.col("value"))
            for name in table.readers
        },
        wrong_if_failed={
            name: _by_question(
                examples,
                table.select("example_id", "value", "error", "answers", "answerable", reader=name),
                pl.when(failed).then(0.0).otherwise(pl.col("value")),
            )
            for name in table.readers
        },
        prices=prices_of(
            [model for reader in readers for model in reader.models], known_engines(run.specs), prices
        ),
        judge_price=price_of(judge, prices or shipped_prices()) if judge else None,
        dataset=dataset,
        absence=absence,
        sights=sights,
    )


def _decided(table: ResultsTable, router: str) -> list[Question]:
    held_out = pl.col("details").str.json_path_match(f"$.{HELD_OUT}") == "true"
    part = table.select("document_id", "question", "details", reader=router)
    columns = part.select("document_id", "question", held_out.fill_null(value=False))
    return [Question(*values) for values in columns.iter_rows()]


def _by_question(examples: pl.DataFrame, part: pl.DataFrame, value: pl.Expr) -> Floats:
    values = part.select("example_id", value=value.cast(pl.Float64))
    places = examples.select("example_id")
    joined = places.join(values, on="example_id", how="left", maintain_order="left")
    return joined["value"].fill_null(float("nan")).to_numpy()


def _shares(answered: pl.DataFrame, arms: Sequence[ReaderInfo]) -> dict[str, float]:
    """The share of the answered questions by arm, under the arms' short names; other routes under their own.

    A route is the name that an arm had when its answer was stored, with or without the group.
    """
    counts: dict[str, int] = {arm.short: 0 for arm in arms}
    names = {arm.name: arm.short for arm in arms}
    for route, count in answered["route"].value_counts(sort=True).iter_rows():
        behind = route.rpartition("/")[2]
        name = names.get(route, behind if behind in counts else route)
        counts[name] = counts.get(name, 0) + count
    total = answered.height
    return {name: count / total if total else 0.0 for name, count in counts.items()}
