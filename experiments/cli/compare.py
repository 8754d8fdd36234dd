"""`rlc compare`, from options to output."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
import polars as pl

from rlc.data.errors import NoAnswerError
from rlc.experiments.cli.choose import (
    choose_dataset,
    choose_questions,
    choose_recipes,
    priced,
    questions_per_document,
)
from rlc.experiments.cli.plan import NOT_ESTIMATED, print_plans
from rlc.experiments.report.sections.amortised import cost_sentences
from rlc.experiments.report.sections.answer import sentences
from rlc.experiments.runs.caveats import caveats
from rlc.experiments.runs.execute import documents_together, execute
from rlc.experiments.runs.forecast import forecasts, measure_speeds
from rlc.experiments.runs.progress import clock
from rlc.experiments.runs.run import Outcome, Run, plan_run
from rlc.experiments.runs.scope import scopes, searched
from rlc.experiments.runs.selection import measured_by, scored_by
from rlc.experiments.runs.stored import StoredRun, open_run
from rlc.experiments.scorers.measured import AUTHORS
from rlc.experiments.study.study import make_study
from rlc.experiments.tracking.keeper import FAILED, FINISHED, KILLED, Keeper
from rlc.experiments.tracking.place import TrackingError, is_tracked
from rlc.pipeline.gpu_cost import Planned, machine_here

BANNER = (
    "This is the bundled sample, not LaRA: its figures show that the pipeline works and say nothing about the "
    "benchmark.\nFor LaRA: `rlc fetch dataset lara`, or --data-root with a clone of its repository."
)


def run_compare(
    dataset: str | None,
    data_root: Path | None,
    arms: str,
    routers: Sequence[str],
    recipe: Path | None,
    settings: Sequence[str],
    readers: Sequence[str],
    conditions: Sequence[str],
    limit: int | None,
    seed: int,
    out: Path,
    resume: bool,
    track: bool,
    dry_run: bool,
    as_json: bool,
    price: float | None = None,
    budget: int | None = None,
    system_metrics: bool = False,
    workers: int = 1,
    documents_per_batch: int | None = None,
    measure: str = AUTHORS,
) -> None:
    """Run a comparison and print it.

    Raises:
        RlcError: with what the user can mend.
    """
    data = choose_questions(choose_dataset(dataset, data_root, recipe), conditions, limit, seed)
    data = measured_by(data, measure)
    if data.variant == "sample":
        click.secho(BANNER, err=True, fg="yellow")
    recipes = {
        name: priced(one, price, budget, questions_per_document(data))
        for name, one in choose_recipes(recipe, settings, readers, seed, data).items()
    }
    run = plan_run(data, recipes, [arm.strip() for arm in arms.split(",") if arm.strip()], routers, out)
    if dry_run:
        _print_forecast(run, as_json)
        return
    together = documents_per_batch or documents_together(run.specs)
    with _kept(Keeper(run.folder, out, system_metrics)) if track else nullcontext() as keeper:
        outcome, _ = execute(run, resume, keeper=keeper, workers=workers, together=together)
        stored = open_run(str(outcome.run.folder), out)
        study = make_study(stored)
        _print_outcome(outcome, sentences(study), cost_sentences(study), as_json)
        if keeper and not (keeper.started or is_tracked(stored, out)):
            keeper.start()  # nothing was asked, but MLflow lacks it
    refuse_silence(outcome.summaries)


def refuse_silence(summaries: Sequence[Mapping[str, Any]]) -> None:
    """Fail after all is shown where a reader has no answer: a script must not take such a table for a result.

    Raises:
        NoAnswerError: naming the readers.
    """
    silent = [one["reader"] for one in summaries if one["failures"] == one["n"]]
    if silent:
        raise NoAnswerError(
            f"{', '.join(silent)}: no question was answered, all failed; the errors stand above and in the results"
        )


def log_run(run: StoredRun, out: Path) -> None:
    """Log a run to MLflow, unless it is there unchanged; where MLflow fails, say so and go on."""
    if is_tracked(run, out):
        return
    from rlc.experiments.tracking.log import track

    with _warned():
        track(run, out)


@contextmanager
def _kept(keeper: Keeper) -> Iterator[Keeper]:
    """End the comparison's MLflow run in the way that the block ends."""
    status = FAILED
    try:
        yield keeper
        status = FINISHED
    except KeyboardInterrupt:
        status = KILLED
        raise
    finally:
        if keeper.started and status == FINISHED:
            click.echo("logging to MLflow; the results are on disk already", err=True)
        with _warned():
            keeper.end(status)


@contextmanager
def _warned() -> Iterator[None]:
    """Where MLflow fails, say so and go on: the comparison is on disk."""
    try:
        yield
    except TrackingError as error:
        click.secho(f"warning: {error}", err=True, fg="yellow")


def _print_outcome(outcome: Outcome, answer: Sequence[str], costs: Sequence[str], as_json: bool) -> None:
    run = outcome.run
    if as_json:
        click.echo(
            json.dumps(
                {
                    "run": str(run.folder),
                    "labels": dict(run.labels),
                    "searched": {name: searched(spec) for name, spec in run.specs.items()},
                    "answer": answer,
                    "costs": costs,
                    "readers": outcome.summaries,
                }
            )
        )
        return
    from rlc.experiments.cli.console import print_table, summary_table

    data = run.dataset
    title = f"{data.name} ({data.variant}), {len(data.examples)} questions, {len(data.asked)} documents; "
    title += f"scored by {scored_by(data)}"
    print_table(summary_table(outcome.summaries, title, run.labels))
    for line in [*answer, "", *costs, "", *notes(outcome)]:
        click.echo(line)


def notes(outcome: Outcome) -> list[str]:
    """What must be said beside the table."""
    run = outcome.run
    lines = [f"{alias}: resolved to {run.specs[alias]['use']}" for alias in run.labels]
    lines += [*scopes(run.specs), *caveats(run.specs, outcome.provenance["dataset"])]
    for summary in outcome.summaries:
        spec = run.specs[summary["reader"]]
        if summary["cut_answers"] and "overflow" in spec:
            lines.append(
                f"{summary['reader']}: {summary['cut_answers']} of {summary['n']} answers were given on a text that "
                f"did not fit the window (overflow = {spec['overflow']})"
            )
        if summary["thoughts"]:
            lines.append(
                f"{summary['reader']}: {summary['thoughts']} answers came after a thought, of "
                f"{summary['thought_tokens']:.0f} tokens on average; thoughts are not judged, and their tokens are paid"
            )
    lines += answer_notes(outcome.frame)
    errors = outcome.frame.drop_nulls("error")
    for reader, error, count in (
        errors.group_by("reader", "error").len().sort("reader", "error").head(5).iter_rows()
    ):
        lines.append(f"{reader}: {count} failed: {error}")
    return [*lines, f"results: {run.folder}", f"more: rlc report {run.folder}"]


def answer_notes(frame: pl.DataFrame) -> list[str]:
    """What engines noted beside their answers, each note once a reader with the number of its answers."""
    noted = frame.select("reader", note=pl.col("details").str.json_path_match("$.note")).drop_nulls("note")
    counts = noted.group_by("reader", "note").len().sort("reader", "note")
    return [f"{reader}: {count} answers {note}" for reader, note, count in counts.iter_rows()]


def _print_forecast(run: Run, as_json: bool) -> None:
    """Say what would be read; an engine that can be planned is not loaded, any other is timed."""
    found = forecasts(run.specs, run.dataset)
    gpu = machine_here() if any(isinstance(one.engine, Planned) for one in found) else None
    if gpu is not None:
        print_plans(found, gpu, as_json)
        return
    speeds = measure_speeds({one.reader: one.engine for one in found if one.engine and one.loads})
    rows = [one.figures(speeds.get(one.reader)) for one in found]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        if row["prompt_tokens"] is None:
            click.echo(f"{row['reader']}: {NOT_ESTIMATED}")
            continue
        click.echo(
            f"{row['reader']}: {row['questions']} questions, at most {row['prompt_tokens']:,} prompt tokens "
            f"({row['computed_tokens']:,} to compute) and {row['output_tokens']:,} new ones; "
            f"at most about {clock(row['seconds'])} at the speed just measured"
            + (f"; {row['cut_documents']} documents do not fit" if row["cut_documents"] else "")
        )
