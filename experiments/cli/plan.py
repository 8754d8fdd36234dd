"""`rlc plan`: what vLLM will need on a GPU, before it is loaded."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from rlc.data.errors import UsageError
from rlc.experiments.cli.choose import choose_questions, choose_recipes
from rlc.experiments.cli.options import (
    ARMS,
    DATA_ROOT,
    DATASET,
    LIMIT,
    MODELS,
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
from rlc.experiments.metrics.amortised import BreakEven, crossing
from rlc.experiments.report.sections.amortised import in_words
from rlc.experiments.runs.forecast import Forecast, forecasts, gpu_plans
from rlc.experiments.runs.progress import clock
from rlc.experiments.runs.run import plan_run
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
def plan(questions: Questions, arms: Arms, output: Output, machine: str | None, measured: bool) -> None:
    """Say what long context and RAG will cost on a GPU with vLLM: memory, time, and whether it fits."""
    named = machine_installed() if machine is None else machine_named(machine)
    gpu = measure_machine() if measured else named
    data = choose_questions(questions, arms.recipe)
    run = plan_run(data, choose_recipes(arms, questions.seed, data), arms.names, [], Path())
    print_plans(forecasts(run.specs, data), gpu, output.as_json)


def print_plans(forecasts: Sequence[Forecast], machine: Machine, as_json: bool) -> None:
    """Print what a GPU makes of the forecasts, for people or for programs.

    Raises:
        UsageError: if no reader has an engine that can be planned.
    """
    found = gpu_plans(forecasts, machine)
    silent = [one.reader for one in forecasts if one.reader not in found]
    if not found:
        raise UsageError(
            "no arm has the engine vllm, so there is nothing to plan: name one with --model vllm:MODEL, "
            "or ask `rlc compare --dry-run`, which measures the engine at hand"
        )
    if as_json:
        plans = {name: asdict(plan) for name, plan in found.items()}
        click.echo(json.dumps({"machine": asdict(machine), "plans": plans, "not_estimated": silent}))
        return
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
            + ("fits" if plan.fits else "does NOT fit")
        )
        for line in plan.advice:
            say_line(f"  {line}")
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
