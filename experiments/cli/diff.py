"""`rlc diff`: two runs compared question by question."""

from pathlib import Path

import click

from rlc.data.errors import UsageError
from rlc.experiments.cli.completion import runs
from rlc.experiments.cli.options import OUT

SHOWN = 12  # settings that differ, in the terminal; the page has all


@click.command()
@click.argument("first", shell_complete=runs)
@click.argument("second", shell_complete=runs)
@OUT
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="FIRST=SECOND",
    help="A reader of the first run and the one of the second that stands for it; may be repeated. Others: by name.",
)
@click.option(
    "--flips", type=click.IntRange(min=0), default=5, help="Questions shown, each way and by reader."
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here, with every flip."
)
def diff(first: str, second: str, out: Path, pairs: tuple[str, ...], flips: int, html: Path | None) -> None:
    """Say what changed from the run FIRST to the run SECOND: paired differences, settings, questions that flipped."""
    from rlc.experiments.cli.console import print_report
    from rlc.experiments.report.pages.diff import change_report
    from rlc.experiments.report.pages.question import write_page
    from rlc.experiments.runs.stored import open_run
    from rlc.experiments.study.diff import diff_runs

    found = diff_runs(open_run(first, out), open_run(second, out), _pairs(pairs))
    if html:
        write_page(change_report(found), html)
    print_report(change_report(found, flips, settings=SHOWN))
    if html:
        click.echo(html)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in given:
        one, equals, other = pair.partition("=")
        if not equals or not one or not other:
            raise UsageError(f"--map {pair}: expected FIRST=SECOND, such as rag=rag-small")
        found[one] = other
    return found
