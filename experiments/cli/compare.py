"""`rlc compare`: its options; what it does is imported when it does it, so that its help answers at once."""

import click

from rlc.data.lanes import Lanes
from rlc.experiments.cli.completion import named
from rlc.experiments.cli.options import (
    ALLOW_CODE,
    ARMS,
    DATA_ROOT,
    DATASET,
    LIMIT,
    MEASURE,
    MODELS,
    OUT,
    PRICES,
    READERS,
    RECIPE,
    RESUME,
    SEED,
    SETTINGS,
    SPEND,
    TRACK,
    WHERE,
    Arms,
    Judging,
    Output,
    Questions,
    in_records,
    judge_options,
    lane_options,
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
@judge_options
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
@lane_options
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
@click.option(
    "--name",
    metavar="NAME",
    help="Call the run so in `rlc runs`, in MLflow, and wherever a command takes a RUN.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say what would be read, and how long that takes; nothing is asked of a server.",
)
@click.option(
    "--time-servers",
    is_flag=True,
    help="With --dry-run: time servers, too, with two short questions each, which cost what they cost there.",
)
@PRICES
@SPEND
@click.option("--wide", is_flag=True, help="Show every column, whatever the terminal's width.")
@click.option(
    "--columns",
    default="",
    show_default=False,
    metavar="A,B",
    help="Show these columns: reader,right,tokens,seconds,...",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def compare(
    questions: Questions,
    arms: Arms,
    judging: Judging,
    output: Output,
    lanes: Lanes,
    documents_per_batch: int | None,
) -> None:
    """Let RAG, long context and routers answer the same questions, and tabulate what each won and cost.

    \b
    rlc compare --dataset papers/ --router auto                      your folder
    rlc compare --dataset papers/ --model endpoint:gpt-4o --dry-run  only a plan
    rlc compare --data-root LaRA --model recorded:gpt-4o             nothing asked
    """  # noqa: D301 - click wants the backspace itself, which keeps the lines apart
    from rlc.experiments.cli.comparing import carry_out_and_tell

    carry_out_and_tell(questions, arms, judging, output, lanes, documents_per_batch)
