"""`rlc view`: the pages to look through runs."""

from pathlib import Path

import click

from rlc.data.errors import require
from rlc.experiments.cli.completion import runs
from rlc.experiments.cli.options import EVIDENCE_ROOT, OUT


@click.command()
@click.argument("run", nargs=-1, shell_complete=runs)
@OUT
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8420,
    help="Port on this machine; 0 takes any that is free.",
)
@click.option("--browser/--no-browser", default=True, help="Open the pages in the browser.")
@EVIDENCE_ROOT
def view(run: tuple[str, ...], out: Path, port: int, browser: bool, data_root: Path | None) -> None:
    """Open pages to look through runs: arms side by side, evidence, human verdicts, prices of a router.

    Each RUN is a folder or a name; without any, all runs of --out are there, those that go on among them. Ctrl-C ends it.
    """
    require("starlette", "uvicorn")
    import webbrowser

    from rlc.experiments.view.app import HERE, listen, serve
    from rlc.experiments.view.shelf import Shelf

    shelf = Shelf(out, run, data_root)
    place = listen(port)
    address = f"http://{HERE}:{place.getsockname()[1]}/"
    click.echo(address)
    if browser:
        webbrowser.open(address)
    serve(shelf, place)
