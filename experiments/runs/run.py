"""A run: a comparison with its folder, so that it can be resumed, read and trusted."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from rlc.data.errors import StoreError, UsageError
from rlc.data.plain import parse_json
from rlc.data.protocols import Reader
from rlc.data.records import Answer, Dataset, Example
from rlc.data.spec import Finish, Spec, fingerprint
from rlc.data.store import Store
from rlc.data.weights import revision_read
from rlc.experiments.judges.support.naming import completed_judge, identity_of, label_of
from rlc.experiments.runs.judged import Findings
from rlc.experiments.runs.kept import as_json, write_kept, write_whole
from rlc.experiments.runs.loop import Answering, OnBatch, answer_in_turn, document_schedule, scored_rows
from rlc.experiments.runs.provenance import JUDGED_BY, provenance
from rlc.experiments.runs.results_file import GROUP, RESULTS, open_results, read_results, write_results
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.rounds import OnRound, Rounds, Standing, in_rounds
from rlc.experiments.runs.rows import SO_FAR, Rows
from rlc.experiments.runs.rows_before import RowsBefore
from rlc.experiments.runs.summary import summarise
from rlc.pipeline.families import BUILDER
from rlc.pipeline.identity import identity, revisions
from rlc.pipeline.readers.support.stored import StoredReader
from rlc.pipeline.recipe import Recipe, build_readers

RECIPE = "recipe.json"
PROVENANCE = "provenance.json"
SUMMARY = "summary.json"
# In the provenance of a run that goes on: of how many questions its files tell, on how many documents of how many, and
# the judge that has yet to judge.
PROVISIONAL = "provisional"
IN_FLIGHT = 2_000  # questions of a reader that may have been asked together


@dataclass(frozen=True)
class Run:
    """What is compared on what, and where it is kept.

    `specs` are completed reader specs; `labels` say what aliases stand for (`auto` -> `auto (length)`). `judge` is the
    completed spec of a judge whose verdicts fill the table in place of the rules' and the data set's measures.
    """

    dataset: Dataset
    specs: Mapping[str, Spec]
    labels: Mapping[str, str]
    out: Path
    judge: Spec | None = None

    @cached_property
    def id(self) -> str:
        """Name the run by what it asks: data, selection, and what the readers are."""
        examples = [example.id for example in self.dataset.examples]
        specs = {name: identity(spec) for name, spec in self.specs.items()}
        asked = [self.dataset.revision, examples, list(specs), specs]
        if self.dataset.measures:
            asked.append(dict(self.dataset.measures))
        if self.judge is not None:
            asked.append({"judge": identity_of(self.judge)})
        return f"{_slug(self.dataset.name)}-{self.dataset.variant}-{fingerprint(asked)[:10]}"

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.out / self.id

    @property
    def models(self) -> dict[str, str]:
        """Revisions of the models that the specs name, as they were read: complete once they are loaded."""
        found = [revisions(spec, of=revision_read) for spec in self.specs.values()]
        return {model: at for one in found for model, at in one.items()}

    def readers(self, store: Store, finish: Finish = BUILDER.finish) -> dict[str, Reader]:
        """The readers, each keeping its answers in the store."""
        return build_readers(self.specs, store, finish)

    def missing(
        self, readers: Mapping[str, Reader], before: RowsBefore | None = None
    ) -> dict[str, frozenset[str]]:
        """Per reader, the ids of the examples whose answers are not in the store yet.

        Of the rows that are there `before`, those that what is stored would make again are kept.
        """
        stored = {name: reader for name, reader in readers.items() if isinstance(reader, StoredReader)}
        missing: dict[str, set[str]] = {name: set() for name in stored}
        for first in range(0, len(self.dataset.examples), GROUP):
            examples = self.dataset.examples[first : first + GROUP]
            for name, reader in stored.items():
                seals = reader.seals(examples)
                missing[name].update(
                    one.id for one, seal in zip(examples, seals, strict=True) if seal is None
                )
                if before:
                    before.keep(name, examples, seals)
        return {name: frozenset(ids) for name, ids in missing.items()}

    def renew(self, readers: Mapping[str, Reader], store: Store) -> None:
        """Have every question of this run asked again; a stored answer stays until the new one replaces it."""
        for reader in readers.values():
            if isinstance(reader, StoredReader):
                store.renew(reader.keys(self.dataset.examples))

    def execute(
        self,
        readers: Mapping[str, Reader],
        on_batch: OnBatch | None = None,
        answering: Answering | None = None,
        on_round: OnRound | None = None,
        judging: Callable[[Iterable[pl.DataFrame]], Findings] | None = None,
        before: RowsBefore | None = None,
    ) -> "Outcome":
        """Answer, score, and write `results.parquet`, `recipe.json`, `provenance.json` and `summary.json`.

        `answering` are the readers' answers from elsewhere; None lets them answer here, document by document. Where
        `on_round` is to be told how it stands, the files are written at every round, and their provenance says that
        they are provisional; every row is then in `SO_FAR` at once, for those who watch. `judging` is given the rows when
        all are there, and its figures fill them; until then their values are what they are without a judge. The rows that
        `before` keeps are taken as they are, and need no answer.

        Raises:
            SpentError: if what may be spent is spent.
            StoreError: if the folder cannot be written; answers already given are safe in the store.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot make {self.folder}: {error}; give a writable folder with --out"
            ) from error
        record = provenance(self.dataset, self.specs)
        write_kept(self.folder / RECIPE, as_json({"readers": self.specs, "labels": self.labels}))
        if answering is None:
            answering = answer_in_turn(readers, document_schedule(readers, self.dataset.examples))
        kept = before.kept.values() if before else ()
        rounds = Rounds(self.dataset.examples, len(readers), kept=kept)
        if on_round and not (self.folder / PROVENANCE).is_file():
            write_kept(self.folder / PROVENANCE, as_json(record | self._provisional()))

        def on_rows(rows: Rows, examples: Sequence[Example]) -> None:
            if rounds.is_over(examples) and on_round:
                done = rounds.documents
                keep = pl.col("document_id").is_in(done)
                so_far = self._provisional([one for one in self.dataset.examples if one.document_id in done])
                summaries = self._write(rows, readers, record, so_far=so_far, keep=keep)
                on_round(Standing(summaries, len(done), rounds.of))

        with Rows(self.folder / SO_FAR if on_round else None, before) as rows:
            if on_round:
                rows.show(readers)
            scored_rows(answering, self.dataset, None, on_batch, on_rows, rows)
            findings = judging(rows.frames(list(readers))) if judging else None
            return Outcome(self, self._write(rows, readers, record, findings=findings), record)

    def leave(self, store: Store) -> bool:
        """Write the files of a run that was broken off, of all that is answered so far; whether there is anything.

        They tell of the questions that all readers have answered; where there is none yet, of every answer. Among these
        are answers that were stored while others of their batch were awaited.
        """
        if self.is_complete or not (self.folder / SO_FAR).is_file():
            return False
        readers = self.readers(store)
        with Rows(self.folder / SO_FAR, afresh=False) as rows:
            answering = (
                (name, *_stored(readers[name], self._in_flight(rows.examples(name)))) for name in readers
            )
            scored_rows(answering, self.dataset, rows=rows)
            answered = [rows.examples(name) for name in readers]
            told = set.intersection(*answered) or set.union(*answered)
            if not told:
                return False
            keep = ~pl.col("example_id").is_in(set.union(*answered) - told)
            asked = [example for example in self.dataset.examples if example.id in told]
            record = provenance(self.dataset, self.specs)
            self._write(rows, readers, record, so_far=self._provisional(asked), keep=keep)
        return True

    def _in_flight(self, answered: Set[str]) -> list[Example]:
        """The examples that were asked about next, which may have been answered while others were awaited."""
        waiting = (example for example in in_rounds(self.dataset.examples) if example.id not in answered)
        return list(islice(waiting, IN_FLIGHT))

    @property
    def is_complete(self) -> bool:
        """Whether its files tell of all its questions."""
        file = self.folder / PROVENANCE
        return file.is_file() and PROVISIONAL not in parse_json(file.read_bytes())

    def _write(
        self,
        rows: Rows,
        readers: Iterable[str],
        record: dict[str, Any],
        findings: Findings | None = None,
        keep: pl.Expr | None = None,
        so_far: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[dict[str, Any]]:
        """Write what was found, of the rows to keep alone where it goes on; return the summaries."""
        frames = rows.frames(list(readers))
        if findings is not None:
            frames = findings.fill(frames)
            record[JUDGED_BY] = {"name": findings.judge, "spec": self.judge, **findings.record}
        if keep is not None:
            frames = (frame.filter(keep) for frame in frames)
            record = {**record, **so_far}
        noted: dict[str, Counter[str]] = {}
        write_results(_noting(frames, noted), self.folder / RESULTS)
        summaries = summarise(ResultsTable(open_results(self.folder / RESULTS)))
        record |= {"models": self.models, "notes": {reader: dict(counts) for reader, counts in noted.items()}}
        write_kept(self.folder / PROVENANCE, as_json(record))
        write_kept(self.folder / SUMMARY, as_json(summaries))
        return summaries

    def _provisional(self, told: Sequence[Example] = ()) -> dict[str, Any]:
        """What provenance says of files that tell of these examples alone."""
        found = {
            "questions": len(told),
            "documents": len({example.document_id for example in told}),
            "of": len(self.dataset.asked),
        }
        awaited = {"judge": label_of(self.judge)} if self.judge else {}
        return {PROVISIONAL: {**found, **awaited}}


@dataclass(frozen=True)
class Outcome:
    """What a run found."""

    run: Run
    summaries: list[dict[str, Any]]
    provenance: dict[str, Any]

    @property
    def frame(self) -> pl.DataFrame:
        """The rows, read from their file."""
        return read_results(self.run.folder / RESULTS)


def plan_run(
    dataset: Dataset,
    recipes: Mapping[str, Recipe],
    arms: Sequence[str],
    routers: Sequence[str],
    out: Path,
    judge: Spec | None = None,
) -> Run:
    """Choose arms (see `Recipe.arms`) and routers from a recipe, or from one recipe per language model.

    Where there are several models, a reader's name is `model/arm`. A `judge` is a spec as `judge_spec` makes it; None lets
    the rules, or the data set's measures, fill the table.

    Raises:
        UsageError: if there is no question.
        SpecError: on anything unknown in the recipe, or in the judge.
    """
    if not dataset.examples:
        raise UsageError(
            f"the data set {dataset.name!r} has no questions, so there is nothing to answer: add some to it"
        )
    specs: dict[str, Spec] = {}
    labels: dict[str, str] = {}
    for model, recipe in recipes.items():
        chosen = recipe.only(recipe.arms(arms))
        for router in routers:
            chosen = _with_router(recipe, chosen, router)
        prefix = f"{model}/" if len(recipes) > 1 else ""
        completed = chosen.completed()
        specs |= {f"{prefix}{name}": spec for name, spec in completed.items()}
        labels |= {
            f"{prefix}{name}": f"{prefix}{name} ({completed[name]['use']})"
            for name in routers
            if completed[name]["use"] != name
        }
    return Run(dataset, specs, labels, out, judge and completed_judge(judge, dataset))


def _with_router(recipe: Recipe, chosen: Recipe, router: str) -> Recipe:
    if router in recipe.readers:  # the recipe's own
        return Recipe({**chosen.readers, router: recipe.readers[router]}, chosen.parts)
    return chosen.with_router(router)


def _stored(reader: Reader, examples: Sequence[Example]) -> tuple[list[Example], list[Answer]]:
    """Recall the stored answers of a reader, with their examples; nothing is asked."""
    seals = reader.seals(examples) if isinstance(reader, StoredReader) else [None] * len(examples)
    there = [example for example, seal in zip(examples, seals, strict=True) if seal is not None]
    return there, reader(there) if there else []


def _noting(frames: Iterable[pl.DataFrame], noted: dict[str, Counter[str]]) -> Iterator[pl.DataFrame]:
    """The frames, as they are; what the answers' details note is counted as they pass."""
    for frame in frames:
        noting = frame.filter(pl.col("details").str.contains('"note": ', literal=True))
        for reader, details in noting.select("reader", "details").iter_rows():
            if note := json.loads(details).get("note"):
                noted.setdefault(reader, Counter())[note] += 1
        yield frame


def write_json(file: Path, value: object) -> None:
    """Write plain data, whole or not at all.

    Raises:
        StoreError: where it cannot be written.
    """
    write_whole(file, as_json(value))


def _slug(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(name).name)
    return kept.strip("-.") or "data"
