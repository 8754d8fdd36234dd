"""`rlc sweep`: the settings of a reader crossed, ranked, and the chosen one tested."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from rlc.data.errors import StoreError
from rlc.data.lanes import Lanes
from rlc.experiments.cli.choose import changed, choose_questions
from rlc.experiments.cli.comparing import BANNER, log_to_mlflow
from rlc.experiments.cli.completion import recipes
from rlc.experiments.cli.console import escape, print_table
from rlc.experiments.cli.options import (
    ALLOW_CODE,
    DATA_ROOT,
    DATASET,
    LIMIT,
    OUT,
    RESUME,
    SETTINGS,
    TRACK,
    WHERE,
    Arms,
    Output,
    Questions,
    in_records,
    lane_options,
)
from rlc.experiments.cli.words import say, say_line, tell
from rlc.experiments.report.cells import NONE, interval, percent_text, points_text
from rlc.experiments.report.pages.sweep import places, sentences, shared, sweep_report
from rlc.experiments.report.render import write_files
from rlc.experiments.runs.compare import Execution, execute
from rlc.experiments.runs.recipes import recipe_file
from rlc.experiments.runs.results_file import write_results
from rlc.experiments.runs.run import Run, write_json
from rlc.experiments.runs.scope import scopes
from rlc.experiments.runs.stored import open_run
from rlc.experiments.study.ranking import SweepResult, against, effects, elsewhere, rank
from rlc.experiments.study.study import Study, make_study
from rlc.experiments.sweep.recipe import Sweep, sweep_of
from rlc.experiments.sweep.sharing import Memory, SharingReading
from rlc.experiments.sweep.sweep import SweepPlan, cheapest_first, cost, plan_sweep, ranking_frame, record
from rlc.pipeline.llms.support.names import engine_spec
from rlc.pipeline.recipe_files import load_recipe, read_tables


@click.command()
@in_records
@click.argument("recipe", type=click.Path(path_type=Path, dir_okay=False), shell_complete=recipes)
@DATASET
@DATA_ROOT
@SETTINGS
@click.option("--model", metavar="[ENGINE:]MODEL", help="The language model of all settings.")
@click.option("--reader", hidden=True)  # the old name of --model
@WHERE
@LIMIT
@click.option("--seed", default=0, help="Seed of the split, of the draw and of sampling readers.")
@OUT
@RESUME
@lane_options
@TRACK
@ALLOW_CODE
@click.option(
    "--test-all", is_flag=True, help="Ask all settings on the test split too, not the chosen one alone."
)
@click.option("--dry-run", is_flag=True, help="Only list the settings, in the order of the work.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def sweep(
    questions: Questions,
    arms: Arms,
    output: Output,
    lanes: Lanes,
    model: str | None,
    reader: str | None,
    test_all: bool,
) -> None:
    """Cross settings as the [sweep] table of RECIPE says, and rank them as far as the intervals allow.

    A tuning split of the documents chooses; a test split says what the chosen setting is worth. RECIPE is a file, or the
    name of a recipe that comes with the package (`rlc list recipes`).
    """
    recipe = arms.recipe or Path()  # click demands one
    settings = read_sweep(recipe, arms.settings, model or reader, questions.seed)
    data = choose_questions(questions, recipe)
    if data.variant == "sample":
        tell(BANNER, "yellow")
    plan = plan_sweep(settings, data, questions.seed, output.out)
    if output.dry_run:
        _print_plan(plan)
        return
    result, outcome = conduct(plan, Execution(output.resume, lanes), output.track, test_all)
    write_sweep(plan, result, outcome)
    if output.as_json:
        click.echo(json.dumps({"sweep": str(plan.folder), "answer": sentences(result), **outcome}))
        return
    _print_result(plan, result)


def read_sweep(file: Path, settings: Sequence[str] = (), model: str | None = None, seed: int = 0) -> Sweep:
    """The sweep of a file, or of a recipe that comes with the package, with the options' changes."""
    builtin = load_recipe(recipe_file(None))
    sweep = sweep_of(read_tables(recipe_file(file)), builtin)
    recipe = sweep.recipe
    if model is not None:
        recipe = replace(recipe, parts={**recipe.parts, "llm": engine_spec(model)})
    return replace(sweep, recipe=changed(recipe, settings, seed))


def conduct(
    plan: SweepPlan, how: Execution, track: bool, test_all: bool
) -> tuple[SweepResult, dict[str, Any]]:
    """Ask all settings on the tuning split, and the chosen one and what it is held against on the test split."""
    started = time.monotonic()
    memory = Memory()
    how = replace(how, finish=memory.finish, reading=SharingReading, take=memory.take)
    study = _study(plan.tuning, memory, how, track)
    ranking = rank(study)
    chosen = ranking[0].reader.name
    test: Sequence[Any] = ()
    if plan.test.examples:
        run = plan.test_run(chosen, test_all)
        others = [name for name in run.specs if name != chosen]
        test = against(_study(run, memory, how, track), chosen, others)
    result = SweepResult(
        study=study,
        settings=plan.sweep.settings(),
        short=plan.sweep.short,
        ranking=ranking,
        elsewhere=elsewhere(study, ranking),
        effects=effects(study, plan.sweep.settings()),
        test=test,
        test_documents=len(plan.test.asked),
        stages=memory.stages,
        seconds=time.monotonic() - started,
    )
    return result, record(plan, result)


def _study(run: Run, memory: Memory, how: Execution, track: bool) -> Study:
    costs = {name: cost(name, spec, run.dataset) for name, spec in run.specs.items()}
    order = cheapest_first(run.specs, run.dataset, costs)
    stored = execute(run, replace(how, schedule=order, work=costs))
    memory.count("answers", len(run.specs) * len(run.dataset.examples), stored)
    written = open_run(str(run.folder), run.out)
    study = make_study(written, dataset=run.dataset)
    if track:
        log_to_mlflow(study, run.out)
    return study


def write_sweep(plan: SweepPlan, result: SweepResult, outcome: dict[str, Any]) -> None:
    """Write `sweep.json`, `ranking.parquet`, and the report with its plots, into the sweep's folder.

    Raises:
        StoreError: where that cannot be written.
    """
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make {plan.folder}: {error}; give a writable folder with --out") from error
    write_json(plan.folder / "sweep.json", outcome)
    write_results(ranking_frame(result), plan.folder / "ranking.parquet")
    write_files(sweep_report(result), plan.folder)


def _print_result(plan: SweepPlan, result: SweepResult) -> None:
    data = plan.tuning.dataset
    title = f"{data.name} ({data.variant}), tuning split: {len(data.examples)} questions"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("place", no_wrap=True)
    for axis in result.short.values():
        table.add_column(escape(axis))
    for column in ("right, %", "best minus this", "prompt tok", "s", "failed"):
        table.add_column(column, justify="right", no_wrap=True)
    for setting in result.ranking:
        limits = interval(setting.accuracy).rstrip(", ")
        table.add_row(
            places(setting),
            *[escape(value) for value in result.settings[setting.reader.name].values()],
            percent_text(setting.accuracy.value).rstrip("%") + (f" [{limits}]" if limits else ""),
            NONE if setting.behind is None else points_text(setting.behind.value),
            NONE if setting.tokens.value is None else f"{setting.tokens.value:,.0f}",
            NONE if setting.seconds is None else f"{setting.seconds:,.2f}",
            str(setting.failures),
            style="bold" if setting.winner else None,
        )
    print_table(table)
    facts = [*scopes(plan.tuning.specs), f"{result.seconds:,.0f} s; {shared(result.stages)}"]
    say([*sentences(result), "", *facts, f"report: {plan.folder / 'report.html'}"])


def _print_plan(plan: SweepPlan) -> None:
    """The settings in the order in which they would be asked."""
    specs, data = plan.tuning.specs, plan.tuning.dataset
    costs = {name: cost(name, spec, data) for name, spec in specs.items()}
    order = dict.fromkeys(name for name, _ in cheapest_first(specs, data, costs))
    questions = len(data.examples)
    for name in order:
        say_line(f"{name}: {questions} questions, at most {costs[name]:,.0f} tokens")
    say_line(
        f"{len(order)} settings, {len(order) * questions:,} answers on the tuning split; on the test split "
        f"{len(plan.test.examples)} questions for the chosen one and {', '.join(plan.sweep.against) or 'no other'}"
    )
