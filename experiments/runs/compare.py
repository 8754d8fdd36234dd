"""Comparisons: readers of a recipe on a data set, answered, stored, scored, and read back as a run."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from rlc.data.datasets import load_dataset
from rlc.data.errors import RlcError
from rlc.data.lanes import Lanes, Work
from rlc.data.protocols import Checkable
from rlc.data.records import Answer, Dataset
from rlc.data.spec import Finish, Spec, fingerprint
from rlc.data.store import Store
from rlc.experiments.judges.support.naming import judge_spec
from rlc.experiments.metrics.pricing import Sheet, paid
from rlc.experiments.runs.forecast import Engines, expect, observe
from rlc.experiments.runs.judged import Findings, RunJudge
from rlc.experiments.runs.kept import held
from rlc.experiments.runs.lanes import Reading, answer_in_lanes
from rlc.experiments.runs.loop import Schedule, answer_in_turn, document_schedule
from rlc.experiments.runs.progress import Lines, Progress
from rlc.experiments.runs.recipes import recipe_file
from rlc.experiments.runs.results_file import RESULTS
from rlc.experiments.runs.rounds import OnRound, in_rounds
from rlc.experiments.runs.rows import SO_FAR, remove_rows
from rlc.experiments.runs.rows_before import RowsBefore
from rlc.experiments.runs.run import Run, plan_run
from rlc.experiments.runs.spending import Spending
from rlc.experiments.runs.stored import StoredRun, open_run
from rlc.pipeline.families import BUILDER, LLM, READER
from rlc.pipeline.recipe import Recipe
from rlc.pipeline.recipe_files import judge_table, load_recipe

HERE = Lanes()  # one worker, this process


class Watcher(Protocol):
    """What is told when a run begins to ask, such as the process that logs it to MLflow."""

    def start(self, folder: Path) -> None:
        """Something will be asked now, for the run of this folder."""
        ...


@dataclass(frozen=True)
class Execution:
    """How a comparison is carried out; nothing of it changes an answer.

    Attributes:
        resume: Take the answers that are stored already; else every question is asked again.
        lanes: Processes, here or on a cluster, that share the documents, each with its own model.
        documents_per_batch: Documents handed over together; None takes as many as the engines ask for.
        watcher: Told where there is something to ask.
        schedule: Who is asked what, in turn, in place of document by document with all readers.
        work: How much work an answer of each reader is, for the time left.
        finish: Wraps the making of every object; see `rlc.data.spec.Builder`.
        reading: The work of lanes, made of the readers' specs.
        take: Makes answers of what that work finds.
        on_round: Told how the comparison stands, a few times while it goes on.
        on_left: Told where it was broken off, once its files tell of what is answered so far.
        spending: What may be spent in all, in dollars; None does not count.
    """

    resume: bool = True
    lanes: Lanes = HERE
    documents_per_batch: int | None = None
    watcher: Watcher | None = None
    schedule: Schedule | None = None
    work: Mapping[str, float] | None = None
    finish: Finish = BUILDER.finish
    reading: Callable[[Mapping[str, Spec]], Work] = Reading
    take: Callable[[Any], list[Answer]] = list
    on_round: OnRound = lambda _: None
    on_left: Callable[[], None] = lambda: None
    spending: Spending | None = None

    @property
    def sheet(self) -> Sheet:
        """The prices of what is paid."""
        return self.spending.sheet if self.spending else {}


def compare(
    dataset: Dataset | str = "lara",
    recipe: Recipe | Mapping[str, Recipe] | Path | str | None = None,
    arms: Sequence[str] = (),
    routers: Sequence[str] = (),
    out: Path | str = "runs",
    how: Execution = Execution(),
    judge: Spec | str | None = None,
) -> StoredRun:
    """Compare readers on a data set, as `rlc compare` does; the same call again goes on where it was stopped.

    Answers are stored in `out` as they come, and everything that was found in the run's own folder below it.

    Args:
        dataset: a data set, or what `--dataset` takes: a name with parts and settings, or a folder of documents.
        recipe: a recipe, its file, the name of one that comes with the package, or one recipe a language model; None
            takes the built-in one.
        arms: readers of the recipe, or `all`; `rag` and `long` where none is named, all of a recipe without them.
        routers: routers over the arms `rag` and `long`, `auto` among them.
        out: the folder of runs and answers.
        how: processes, batches, resuming.
        judge: who fills the table: `rules`, `ENGINE:MODEL`, `package.module:function`, or a spec such as `{"use":
            "groundedness", "llm": {"use": "endpoint", "model": "gpt-4o"}}`; None takes the recipe's, else the rules.

    Returns:
        The run: `frame` has a row per reader and question. `rlc.write_report(run.folder, out)` makes its report.

    Raises:
        RlcError: with what the user can mend; what is answered is stored.
    """
    data = load_dataset(dataset) if isinstance(dataset, str) else dataset
    if isinstance(judge, str):
        judge = judge_spec(judge)
    elif judge is None and isinstance(recipe, Path | str):
        judge = judge_table(recipe_file(Path(recipe)))
    if isinstance(recipe, Path | str):
        recipe = load_recipe(recipe_file(Path(recipe)))
    elif recipe is None:
        recipe = load_recipe(recipe_file(None))
    recipes = {"": recipe} if isinstance(recipe, Recipe) else recipe
    return carry_out(plan_run(data, recipes, arms, routers, Path(out), judge), how)


def carry_out(run: Run, how: Execution = Execution()) -> StoredRun:
    """Carry a run out, and read back what it found."""
    reused = execute(run, how)
    return replace(open_run(str(run.folder), run.out), reused=reused)


def execute(run: Run, how: Execution = Execution()) -> int:
    """Ask and store what a run asks, with progress on stderr; how many of its answers were in the store.

    Batches and the estimate belong to the default schedule. Where another process carries the same run out, this
    one says so and waits. The files of one that is broken off, by Ctrl-C or by what stops every question alike, tell of
    what is answered so far.
    """
    with held(run.folder):
        try:
            return _execute(run, how)
        except (KeyboardInterrupt, RlcError):
            _leave(run, how)
            raise


def _leave(run: Run, how: Execution) -> None:
    """Leave what is answered so far in the run's files; where that fails too, the reason of the end is still told."""
    try:
        with contextlib.closing(Store(run.out)) as store:
            left = run.leave(store)
        if left:
            how.on_left()
    except RlcError as error:
        warnings.warn(f"{run.folder} does not tell of all that is answered: {error}", stacklevel=3)


def _execute(run: Run, how: Execution) -> int:
    remove_rows(run.folder / SO_FAR)
    store = Store(run.out)
    with (
        contextlib.closing(store),
        RowsBefore(run.folder / RESULTS, run.dataset.measures) as before,
        contextlib.ExitStack() as ends,
    ):
        store.purse = how.spending.purse(run, store) if how.spending else None
        engines = Engines(paid(how.finish, how.sheet, store.purse))
        together = how.documents_per_batch or documents_together(run.specs)
        readers = run.readers(store, engines.finish)
        if not how.resume:
            run.renew(readers, store)
        missing = run.missing(readers, before)
        judge = RunJudge(run.judge, run.dataset, run.specs, how.sheet) if run.judge else None
        if judge and isinstance(engine := getattr(judge.judge, "llm", None), Checkable):
            engine.check()  # before the answers that it is to judge are paid for
        check_engines(run, engines, missing)
        if how.watcher and any(missing.values()):
            how.watcher.start(run.folder)
        schedule = how.schedule
        if schedule is None:
            expect(run, engines, missing, together, measured=not how.lanes.elsewhere)
            schedule = document_schedule(readers, in_rounds(run.dataset.examples), together)
        schedule = ((name, left) for name, batch in schedule if (left := before.left(name, batch)))
        total = len(run.dataset.examples) * len(readers)
        begun = (before.count, before.failed)
        with Progress(missing, total, work=how.work, done=begun, lanes=how.lanes.workers) as progress:
            answering = answer_in_turn(readers, schedule)
            if how.lanes.elsewhere:
                work = Reading(run.specs, how.sheet) if how.spending else how.reading(run.specs)
                arriving = answer_in_lanes(how.lanes, work, readers, schedule, missing, store, how.take)
                answering = ends.enter_context(contextlib.closing(arriving))
            # Files that tell of the whole run are not replaced by provisional ones.
            has_rounds = how.schedule is None and not run.is_complete
            tell = how.on_round if any(missing.values()) else Execution.on_round
            judging = partial(_judge, judge, store, how) if judge else None
            on_round = tell if has_rounds else None
            run.execute(readers, progress.on_batch, answering, on_round, judging, before)
        if not how.lanes.elsewhere:
            observe(run, engines, progress.pace)
        return total - sum(map(len, missing.values()))


def _judge(judge: RunJudge, store: Store, how: Execution, frames: Iterable[pl.DataFrame]) -> Findings:
    """Let the judge look at all answers, in the lanes that gave them."""
    return judge.find(frames, store, how.lanes, resume=how.resume, on_batch=Lines("verdicts"))


def check_engines(run: Run, engines: Engines, missing: Mapping[str, frozenset[str]]) -> None:
    """Ask the engines that can be asked whether they are there, before anything is indexed for them.

    Raises:
        EngineUnavailableError: if one of them will answer no question.
    """
    builder = replace(BUILDER, finish=engines.finish)
    wanted = {
        fingerprint(inner): (family, path, inner)
        for name, spec in run.specs.items()
        if missing.get(name)
        for family, path, inner in BUILDER.walk(spec, READER, f"readers.{name}")
        if family is LLM and hasattr(family.method(inner["use"], path), "check")
    }
    for family, path, inner in wanted.values():
        builder.build(inner, family, path).check()


def documents_together(specs: Mapping[str, Spec]) -> int:
    """How many documents a batch holds where nobody says: what an engine asks for, else one for each of its servers."""
    engines = [spec["llm"] for spec in specs.values() if isinstance(spec.get("llm"), Mapping)]
    return max(map(_wanted, engines), default=1)


def _wanted(engine: Spec) -> int:
    servers = engine.get("base_url")
    declared: int = getattr(LLM.method(engine["use"], "llm"), "documents_together", 1)
    return max(declared, len(servers) if isinstance(servers, list) else 1)
