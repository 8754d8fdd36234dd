"""`rlc plan`: what vLLM will need on a GPU, before it is loaded."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from rlc.data.errors import UsageError
from rlc.experiments.cli.choose import choose_questions, choose_recipes
from rlc.experiments.cli.options import (
    ARMS,
    DATA_ROOT,
    DATASET,
    LIMIT,
    MODELS,
    PRICES,
    READERS,
    RECIPE,
    SETTINGS,
    WHERE,
    Arms,
    Output,
    Questions,
    in_records,
)
from rlc.experiments.cli.words import say_line
from rlc.experiments.judges.support.naming import JUDGE, label_of, model_of
from rlc.experiments.metrics.amortised import BreakEven, crossing
from rlc.experiments.metrics.cost import Price, read_prices
from rlc.experiments.metrics.pricing import Sheet, engines_of
from rlc.experiments.report.sections.amortised import in_words
from rlc.experiments.runs.forecast import Forecast, forecasts, gpu_plans
from rlc.experiments.runs.progress import clock
from rlc.experiments.runs.run import Run, plan_run
from rlc.experiments.study.pricing import prices_of
from rlc.experiments.study.readers import readers_of
from rlc.pipeline.gpu_cost import GpuPlan
from rlc.pipeline.gpu_machine import GIB, Machine, machine_installed, machine_named, measure_machine

NOT_ESTIMATED = "not estimated: its reader cannot say what it reads, or its engine what that takes"


@click.command()
@in_records
@DATASET
@DATA_ROOT
@ARMS
@RECIPE
@SETTINGS
@MODELS
@READERS
@WHERE
@LIMIT
@click.option("--seed", default=0, help="Seed of the draw.")
@click.option(
    "--machine",
    help="h100, h200, or a JSON file with measured ceilings; by default the GPU that is installed here, else an h100.",
)
@click.option("--measure", "measured", is_flag=True, help="Measure this machine's GPU instead.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the plans as JSON, with the order of the documents."
)
@PRICES
def plan(questions: Questions, arms: Arms, output: Output, machine: str | None, measured: bool) -> None:
    """Say what long context and RAG will cost on a GPU with vLLM: memory, time, and whether it fits; and in dollars."""
    named = machine_installed() if machine is None else machine_named(machine)
    gpu = measure_machine() if measured else named
    data = choose_questions(questions, arms.recipe)
    run = plan_run(data, choose_recipes(arms, questions.seed, data), arms.names, [], Path())
    prices = prices_by_reader(run, read_prices(output.prices) if output.prices else None)
    print_plans(forecasts(run.specs, data), gpu, output.as_json, prices)


def prices_by_reader(run: Run, sheet: Sheet | None) -> dict[str, Price]:
    """The price of what every reader and the judge asks, by what they are called; of those whose model has one.

    Raises:
        UsageError: if the user's sheet lacks a model.
    """
    readers = readers_of(list(run.specs), run.specs, run.labels)
    models: dict[str, Sequence[str]] = {reader.name: reader.models for reader in readers}
    judge = {"judge": run.judge} if run.judge else {}
    if run.judge and (model := model_of(run.judge)):
        models[label_of(run.judge)] = [model]
    engines = [*engines_of(run.specs).values(), *engines_of(judge, JUDGE).values()]
    known = prices_of([model for own in models.values() for model in own], engines, sheet)
    return {name: known[own[0]] for name, own in models.items() if own and own[0] in known}


def tokens_text(row: Mapping[str, Any]) -> str:
    """What a reader will read and write at most."""
    return (
        f"{row['reader']}: {row['questions']} questions, at most {row['prompt_tokens']:,} prompt tokens "
        f"({row['computed_tokens']:,} to compute) and {row['output_tokens']:,} new ones"
    )


def unfitting(row: Mapping[str, Any]) -> str:
    """How many documents are longer than the window; empty where none is."""
    cut = row["cut_documents"]
    return f"; {cut:,} document{'s do' if cut > 1 else ' does'} not fit the model's window" if cut else ""


def dollars_text(row: Mapping[str, Any], prices: Mapping[str, Price]) -> str:
    """What that costs at most; empty where its model has no price."""
    price = prices.get(row["reader"])
    return "" if price is None else f"; at most ${_most(row, price):,.2f}, nothing cached"


def _most(row: Mapping[str, Any], price: Price) -> float:
    return price.most(row["prompt_tokens"], row["output_tokens"])


def print_plans(
    forecasts: Sequence[Forecast], machine: Machine, as_json: bool, prices: Mapping[str, Price]
) -> None:
    """Print what a GPU makes of the forecasts, and what they cost at their prices, for people or for programs.

    Raises:
        UsageError: if no reader has an engine that can be planned, or a price.
    """
    found = gpu_plans(forecasts, machine)
    rows = {one.reader: one.figures() for one in forecasts if one.loads is not None}
    priced = {name: row for name, row in rows.items() if name in prices}
    silent = [one.reader for one in forecasts if one.reader not in (found | priced)]
    if not found and not priced:
        raise UsageError(
            "no arm has the engine vllm, or a model whose price is known, so there is nothing to plan: name one with "
            "--model vllm:MODEL, give --prices, or ask `rlc compare --dry-run`, which measures the engine at hand"
        )
    if as_json:
        plans = {name: asdict(plan) for name, plan in found.items()}
        dollars = {name: _most(row, prices[name]) for name, row in priced.items()}
        told = {"machine": asdict(machine), "plans": plans, "dollars": dollars, "not_estimated": silent}
        click.echo(json.dumps(told))
        return
    if found:
        say_line(
            f"{machine.name}: {machine.matrix_rate / 1e12:.0f} TFLOP/s, {machine.memory_rate / 1e12:.2f} TB/s, "
            f"{machine.memory / GIB:.0f} GiB"
        )
    for name, plan in found.items():
        say_line(
            f"{name}: about {clock(plan.seconds)} on the GPU, {1000 * plan.question_seconds:,.0f} ms a question"
        )
        say_line(f"  time: {plan.prefill_seconds:,.1f} s to read, {plan.decode_seconds:,.1f} s to answer")
        say_line(f"  {_by_question(plan)}")
        say_line(
            f"  memory: weights {plan.weight_bytes / GIB:.1f} GiB, {plan.kv_bytes_per_token / 1024:.0f} KiB a token, "
            f"room for {plan.cache_tokens:,} tokens ({plan.documents_cached:.1f} prompts of the mean length)"
        )
        say_line(
            f"  longest prompt and answer: {plan.window:,} tokens, "
            + (f"fits{unfitting(rows[name])}" if plan.fits else "does NOT fit")
        )
        for line in plan.advice:
            say_line(f"  {line}")
    for row in priced.values():
        say_line(f"{tokens_text(row)}{dollars_text(row, prices)}")
    for name in silent:
        say_line(f"{name}: {NOT_ESTIMATED}")
    for line in _meetings(found):
        say_line(line)


def _by_question(plan: GpuPlan) -> str:
    """First and further questions, and the formula; readings that share nothing cost the same every time."""
    if plan.further_seconds is None:
        return (
            f"every question costs {1000 * plan.question_seconds:,.0f} ms: none finds its text read already"
        )
    first, further = 1000 * plan.first_seconds, 1000 * plan.further_seconds
    return (
        f"the first question on a document costs {first:,.0f} ms, a further one {further:,.0f} ms: "
        f"cost(q) = {first - further:,.0f} / q + {further:,.0f} ms, here with q = {plan.questions:.1f}"
    )


def _meetings(found: Mapping[str, GpuPlan]) -> Iterator[str]:
    """From how many questions a document on long context is the cheaper arm, where both arms are planned."""
    for name, long in found.items():
        rag = found.get(f"{name.removesuffix('long')}rag") if name.endswith("long") else None
        if rag is not None and long.further_seconds is not None:
            each = rag.question_seconds
            cheaper, questions = crossing(long.first_seconds, long.further_seconds, each, each)
            yield f"{name} is planned to be cheaper than retrieval {in_words(BreakEven(cheaper, questions))}"
