"""`rlc track` and `rlc ui`."""

import os
import sys
from pathlib import Path

import click

from rlc.experiments.cli.options import EVIDENCE_ROOT, OUT, RUN


@click.command()
@RUN
@OUT
@click.option(
    "--traces",
    type=click.IntRange(min=0),
    default=5,
    help="Questions to trace for every reader, drawn by a fixed seed.",
)
@click.option(
    "--evaluate",
    is_flag=True,
    help="Fill MLflow's evaluation tab with the stored verdicts; traces every answer.",
)
@EVIDENCE_ROOT
def track(run: str, out: Path, traces: int, evaluate: bool, data_root: Path | None) -> None:
    """Log a stored RUN to MLflow: one that ran with --no-track, or while MLflow was away."""
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.tracking.log import track as log_run

    click.echo(log_run(open_run(run, out), out, traces, evaluate, data_root))


@click.command()
@OUT
@click.option("--port", default=5000, help="Port on this machine.")
def ui(out: Path, port: int) -> None:
    """Open the MLflow UI on the run store."""
    import subprocess

    from rlc.experiments.tracking.place import experiment_page, ui_command

    # The server's judges would keep seven more processes; a user's own setting stays.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    command = ui_command(out, port)
    click.echo(f"the runs: http://127.0.0.1:{port}/{experiment_page(out)}", err=True)
    sys.exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own fixed command
