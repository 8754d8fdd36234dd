"""`rlc compare`: readers of a recipe on the questions of a data set."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import polars as pl

from rlc.data.errors import NoAnswerError
from rlc.data.records import Dataset
from rlc.data.text.visible import visible
from rlc.data.trust import looking
from rlc.experiments.cli.choose import choose_questions, choose_recipes
from rlc.experiments.cli.completion import named
from rlc.experiments.cli.console import lengths_table, print_table, summary_table
from rlc.experiments.cli.options import (
    ALLOW_CODE,
    ARMS,
    DATA_ROOT,
    DATASET,
    LIMIT,
    MEASURE,
    MODELS,
    OUT,
    READERS,
    RECIPE,
    RESUME,
    SEED,
    SETTINGS,
    TRACK,
    WHERE,
    Arms,
    Output,
    Questions,
    in_records,
)
from rlc.experiments.cli.plan import NOT_ESTIMATED, print_plans
from rlc.experiments.report.sections.amortised import cost_sentences
from rlc.experiments.report.sections.answer import sentences
from rlc.experiments.runs.caveats import caveats
from rlc.experiments.runs.compare import Execution
from rlc.experiments.runs.compare import compare as compare_readers
from rlc.experiments.runs.forecast import forecasts, measure_speeds
from rlc.experiments.runs.languages import language_notes
from rlc.experiments.runs.progress import clock
from rlc.experiments.runs.run import Run, plan_run
from rlc.experiments.runs.scope import scopes, searched
from rlc.experiments.runs.selection import scored_by
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.runs.summary import summarise
from rlc.experiments.study.lengths import is_sized, reaches
from rlc.experiments.study.study import make_study
from rlc.experiments.tracking.logger import FAILED, FINISHED, KILLED, RunLogger
from rlc.experiments.tracking.place import TrackingError, is_tracked
from rlc.pipeline.gpu_cost import Planned, machine_here

BANNER = (
    "This is the bundled sample, not LaRA: its figures show that the pipeline works and say nothing about the "
    "benchmark.\nFor LaRA: `rlc fetch dataset lara`, or --data-root with a clone of its repository."
)


@click.command()
@in_records
@DATASET
@DATA_ROOT
@ARMS
@click.option(
    "--router",
    "routers",
    multiple=True,
    help="Add a router over rag and long; may be repeated.",
    shell_complete=named("routers"),
)
@RECIPE
@SETTINGS
@MODELS
@READERS
@WHERE
@LIMIT
@MEASURE
@SEED
@click.option(
    "--price",
    type=click.FloatRange(min=0),
    help="Gain in accuracy that a router asks of 1,000 more tokens, reading spread over a document's questions.",
)
@click.option(
    "--budget",
    type=click.IntRange(min=0),
    help="Prompt tokens a question that a router may spend, spread alike.",
)
@OUT
@RESUME
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    help="Processes that share the documents, each with its own model: for CPUs and endpoints, not for one GPU.",
)
@click.option(
    "--documents-per-batch",
    type=click.IntRange(min=1),
    help="Documents handed over together; a kill loses at most one batch.  [default: what the engine asks for, else 1]",
)
@TRACK
@ALLOW_CODE
@click.option(
    "--system-metrics", is_flag=True, help="Log the machine's load beside it: processor, memory, disk, GPU."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be read, and how long that takes.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def compare(
    questions: Questions, arms: Arms, output: Output, workers: int, documents_per_batch: int | None
) -> None:
    """Let RAG, long context and routers answer the same questions, and tabulate what each won and cost."""
    data = choose_questions(questions, arms.recipe)
    if data.variant == "sample":
        click.secho(BANNER, err=True, fg="yellow")
    recipes = choose_recipes(arms, questions.seed, data)
    if output.dry_run:
        with looking():
            _print_forecast(plan_run(data, recipes, arms.names, arms.routers, output.out), output.as_json)
        return
    logger = RunLogger(output.out, output.system_metrics) if output.track else None
    how = Execution(output.resume, workers, documents_per_batch, logger)
    with _logged(logger):
        run = compare_readers(data, recipes, arms.names, arms.routers, output.out, how)
        summaries = summarise(run.frame)
        _print_run(run, data, summaries, output.as_json)
        if logger and not (logger.started or is_tracked(run, output.out)):
            logger.start(run.folder)  # nothing was asked, but MLflow lacks it
    refuse_silence(summaries)


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
def _logged(logger: RunLogger | None) -> Iterator[None]:
    """End the comparison's MLflow run in the way that the block ends."""
    status = FAILED
    try:
        yield
        status = FINISHED
    except KeyboardInterrupt:
        status = KILLED
        raise
    finally:
        if logger and logger.started and status == FINISHED:
            click.echo("logging to MLflow; the results are on disk already", err=True)
        with _warned():
            if logger:
                logger.end(status)


@contextmanager
def _warned() -> Iterator[None]:
    """Where MLflow fails, say so and go on: the comparison is on disk."""
    try:
        yield
    except TrackingError as error:
        click.secho(f"warning: {error}", err=True, fg="yellow")


def _print_run(
    run: StoredRun, dataset: Dataset, summaries: Sequence[Mapping[str, Any]], as_json: bool
) -> None:
    study = make_study(run)
    answer, costs = sentences(study), cost_sentences(study)
    if as_json:
        found = {
            "run": str(run.folder),
            "labels": dict(run.labels),
            "searched": {name: searched(spec) for name, spec in run.specs.items()},
            "answer": answer,
            "costs": costs,
            "readers": summaries,
        }
        click.echo(json.dumps(found))
        return
    title = f"{dataset.name} ({dataset.variant}), {len(dataset.examples)} questions, {len(dataset.asked)} documents; "
    title += f"scored by {scored_by(dataset)}"
    print_table(summary_table(summaries, title, run.labels))
    if is_sized(run.data) and (sized := list(reaches(run.frame))):
        print_table(lengths_table(sized, run.labels))
    for line in [*answer, "", *costs, "", *language_notes(run.specs, dataset), *notes(run, summaries)]:
        click.echo(visible(line))


def notes(run: StoredRun, summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What must be said beside the table."""
    lines = [f"{alias}: resolved to {run.specs[alias]['use']}" for alias in run.labels]
    lines += [*scopes(run.specs), *caveats(run.specs, run.data)]
    for summary in summaries:
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
    lines += answer_notes(run.frame)
    errors = run.frame.drop_nulls("error")
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
