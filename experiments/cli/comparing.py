"""What `rlc compare` does: readers of a recipe on the questions of a data set, and what they found, told."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from rlc.data.errors import NoAnswerError, SpentError
from rlc.data.lanes import Lanes
from rlc.data.records import Dataset
from rlc.data.trust import looking
from rlc.experiments.cli import interrupts
from rlc.experiments.cli.choose import choose_judge, choose_questions, choose_recipes
from rlc.experiments.cli.console import (
    as_table,
    chosen,
    columns,
    lengths_table,
    print_table,
    tell_standing,
)
from rlc.experiments.cli.notes import notes
from rlc.experiments.cli.options import Arms, Judging, Output, Questions
from rlc.experiments.cli.plan import (
    NOT_ESTIMATED,
    dollars_text,
    prices_by_reader,
    print_plans,
    tokens_text,
    unfitting,
)
from rlc.experiments.cli.words import say, say_line, tell, width_of_terminal
from rlc.experiments.metrics.cost import Price, read_prices, shipped_prices
from rlc.experiments.metrics.pricing import Sheet
from rlc.experiments.report.sections.amortised import cost_sentences
from rlc.experiments.report.sections.answer import by_model, sentences
from rlc.experiments.report.terminal import table_of
from rlc.experiments.runs.compare import Execution, carry_out
from rlc.experiments.runs.forecast import (
    PROBE_TOKENS,
    Engines,
    forecasts,
    is_in_process,
    measure_speeds,
)
from rlc.experiments.runs.judge_forecast import judge_forecast
from rlc.experiments.runs.languages import language_notes
from rlc.experiments.runs.naming import give_name
from rlc.experiments.runs.progress import clock
from rlc.experiments.runs.provenance import JUDGED_BY
from rlc.experiments.runs.run import Run, plan_run
from rlc.experiments.runs.scope import searched
from rlc.experiments.runs.selection import scored_by
from rlc.experiments.runs.spending import Spending
from rlc.experiments.runs.stored import open_run
from rlc.experiments.study.caveats import caveats
from rlc.experiments.study.judging import left_open
from rlc.experiments.study.lengths import REACHED, is_sized, reaches
from rlc.experiments.study.study import Study, make_study
from rlc.experiments.tracking.logger import FAILED, FINISHED, KILLED, RunLogger
from rlc.experiments.tracking.place import TrackingError, is_tracked
from rlc.pipeline.gpu_cost import Planned
from rlc.pipeline.gpu_machine import machine_here

BANNER = (
    "This is the bundled sample, not LaRA: its figures show that the pipeline works and say nothing about the "
    "benchmark.\nFor LaRA: `rlc fetch dataset lara`, or --data-root with a clone of its repository."
)


def carry_out_and_tell(
    questions: Questions,
    arms: Arms,
    judging: Judging,
    output: Output,
    lanes: Lanes,
    documents_per_batch: int | None,
) -> None:
    """Carry a comparison out, or say what it would read; print what it found.

    Raises:
        RlcError: with what the user can mend; what is answered is stored.
    """
    data = choose_questions(questions, arms.recipe)
    if data.variant == "sample":
        tell(BANNER, "yellow")
    recipes = choose_recipes(arms, questions.seed, data)
    judge = choose_judge(judging, arms.recipe)
    planned = plan_run(data, recipes, arms.names, arms.routers, output.out, judge)
    sheet = read_prices(output.prices) if output.prices else None
    prices = prices_by_reader(planned, sheet)  # before anything is asked, not after
    if output.dry_run:
        with looking():
            _print_forecast(planned, output, prices)
        return
    if output.name is not None:
        give_name(planned.folder, output.name)
    logger = RunLogger(output.out, output.system_metrics) if output.track else None
    how = Execution(
        output.resume,
        lanes,
        documents_per_batch,
        logger,
        on_round=lambda standing: tell_standing(standing, planned.labels, judged_later=judge is not None),
        on_left=lambda: _print_so_far(planned, sheet, output),
        spending=None if output.spend is None else Spending(output.spend, sheet or shipped_prices()),
    )
    with _logged(logger):
        with interrupts.farewell():
            study = make_study(carry_out(planned, how), sheet, data)
        if output.as_json:
            _print_json(study)
        else:
            _print_run(study, data, output)
        if logger:
            logger.study = study
            if not (logger.started or is_tracked(study.run, output.out)):
                logger.start(study.run.folder)  # nothing was asked, but MLflow lacks it
    _warn_of_price(arms, study)
    _refuse_silence(study)


def _print_so_far(run: Run, sheet: Sheet | None, output: Output) -> None:
    """The table of the questions that all readers have answered, of a run that was broken off."""
    study = make_study(open_run(str(run.folder), run.out), sheet)
    told = set(study.examples["example_id"])
    some = run.dataset.where(lambda example: example.id in told)
    if output.as_json:
        _print_json(study)
    else:
        _print_run(study, some, output)
    unheard = [run.labels.get(name, name) for name in run.specs if name not in study.run.table.readers]
    tell(
        f"stopped after {len(some.examples):,} of {len(run.dataset.examples):,} questions on {len(some.asked):,} of "
        f"{len(run.dataset.asked):,} documents"
        + (f"; no answer yet of {', '.join(unheard)}" if unheard else "")
    )


def _refuse_silence(study: Study) -> None:
    """Fail after all is shown where a reader has no answer, or the judge no verdict: such a table is no result for a script.

    Raises:
        NoAnswerError: naming the readers, or the judge.
    """
    silent = [one["reader"] for one in study.summaries if one["failures"] == one["n"]]
    if silent:
        raise NoAnswerError(
            f"{', '.join(silent)}: no question was answered, all failed; the errors stand above and in the results"
        )
    told = study.run.provenance.get(JUDGED_BY, {})
    if told.get("not_judged") and not told["judged"]:
        raise NoAnswerError(
            f"{study.run.judge}: no answer was judged, all {told['not_judged']:,} verdicts failed; the same command asks again: "
            f"{left_open(study.run)[0].first}"
        )


def log_to_mlflow(study: Study, out: Path) -> None:
    """Log what a run found to MLflow, unless it is there unchanged; where MLflow fails, say so and go on."""
    if is_tracked(study.run, out):
        return
    from rlc.experiments.tracking.log import log_study

    with _warned():
        log_study(study, out)


@contextmanager
def _logged(logger: RunLogger | None) -> Iterator[None]:
    """End the comparison's MLflow run in the way that the block ends."""
    status = FAILED
    try:
        yield
        status = FINISHED
    except (KeyboardInterrupt, SpentError):
        status = KILLED
        raise
    finally:
        if logger and logger.started and status == FINISHED:
            tell("logging to MLflow; the results are on disk already")
        with _warned():
            if logger:
                logger.end(status)


@contextmanager
def _warned() -> Iterator[None]:
    """Where MLflow fails, say so and go on: the comparison is on disk."""
    try:
        yield
    except TrackingError as error:
        tell(f"warning: {error}", "yellow")


def _warn_of_price(arms: Arms, study: Study) -> None:
    """Say so where a price or a budget keeps every question from long context: it may have been meant as money."""
    if not arms.price and arms.budget is None:
        return
    for routing in study.routings:
        if routing.shares.get(study.reader(routing.router.arms[1]).short, 0.0) > 0:
            continue
        given = (
            f"--budget {arms.budget} is prompt tokens a question"
            if arms.budget is not None
            else f"--price {arms.price:g} asks {100 * (arms.price or 0):g} points of accuracy for 1,000 more tokens"
        )
        tell(
            f"warning: {routing.router.label} sent no question to long context: {given}, not money; dollars come with "
            "--prices FILE",
            "yellow",
        )


def _print_json(study: Study) -> None:
    run = study.run
    found = {
        "run": str(run.folder),
        "labels": dict(run.labels),
        "searched": {name: searched(spec) for name, spec in run.specs.items()},
        "answer": sentences(study),
        "costs": cost_sentences(study),
        "caveats": caveats(study),
        "readers": study.summaries,
    }
    click.echo(json.dumps(found))


def _print_run(study: Study, dataset: Dataset, output: Output) -> None:
    names = [name.strip() for name in output.columns.split(",") if name.strip()]
    title = (
        f"{dataset.name} ({dataset.variant}), {len(dataset.examples)} questions, {len(dataset.asked)} documents; "
        f"scored by {scored_by(dataset, study.run.judge)}"
    )
    models = None if names or output.wide else by_model(study)
    if models is not None:
        print_table(table_of(replace(models, title=title)))
        more = ["a row a reader, with tokens, seconds and tasks: --wide"]
    else:
        found = columns(study)
        shown = chosen(found, names, None if output.wide else width_of_terminal())
        print_table(as_table(shown, title))
        if is_sized(study.run.data) and (sized := list(reaches(study.run.table.select(*REACHED)))):
            print_table(lengths_table(sized, study.run.labels))
        left_out = [column.name for column in found if column not in shown]
        more = [f"more columns with --wide: {', '.join(left_out)}"] if left_out and not names else []
    said = [*language_notes(study.run.specs, dataset), *notes(study)]
    say(more)
    for paragraph in (sentences(study), cost_sentences(study), said):
        say(["", *paragraph] if paragraph else [])


def _print_forecast(run: Run, output: Output, prices: Mapping[str, Price]) -> None:
    """Say what would be read; engines of this process are timed, others where that is wished, and a GPU is planned."""
    tell(f"counting what {len(run.specs)} readers would read of {len(run.dataset.asked)} documents")
    found = forecasts(run.specs, run.dataset, Engines().finish)
    found += judge_forecast(run, found)
    gpu = machine_here() if any(isinstance(one.engine, Planned) for one in found) else None
    if gpu is not None:
        print_plans(found, gpu, output.as_json, prices)
        return
    speeds = measure_speeds(found, servers=output.time_servers, on_engine=tell)
    rows = [one.figures(speeds.get(one.reader)) for one in found]
    if output.as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        if row["prompt_tokens"] is None:
            say_line(f"{row['reader']}: {NOT_ESTIMATED}")
            continue
        seconds = row["seconds"]
        time = (
            f"; at most about {clock(seconds)} at the speed just measured" if seconds else "; time not known"
        )
        say([f"{tokens_text(row)}{time}{dollars_text(row, prices)}{unfitting(row)}"])
    servers = {one.engine.name for one in found if one.engine is not None and not is_in_process(one.engine)}
    if servers and not output.time_servers:
        say_line(
            f"{', '.join(sorted(servers))}: not timed, as what is outside this process may be paid; --time-servers asks each "
            f"up to three questions, of about {PROBE_TOKENS:,} tokens together"
        )
