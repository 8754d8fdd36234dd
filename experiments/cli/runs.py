"""`rlc runs`: the runs of a folder, newest first."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlc.experiments.cli.options import OUT
from rlc.experiments.cli.words import say, say_line

if TYPE_CHECKING:
    from rlc.experiments.runs.listing import Listed


@click.command()
@OUT
def runs(out: Path) -> None:
    """List the runs of a folder, newest first: name, date, questions, and what every reader got right."""
    from rlc.experiments.runs.listing import listed

    found = listed(out)
    if not found:
        say_line(f"{out} holds no runs; make one with rlc compare, or give its folder with --out")
    say(map(line, found))


def line(run: "Listed") -> str:
    """One run in a line; one that cannot be read is named with the reason."""
    if run.broken:
        return f"{run.id}: cannot be read ({run.broken})"
    readers, so_far = run.summaries, run.so_far
    shares = ", ".join(f"{one['reader']} {_percent(one['accuracy']['value'])}" for one in readers[:4])
    more = f" and {len(readers) - 4} more" if len(readers) > 4 else ""
    left = f" ({so_far['documents']:,} of {so_far['of']:,} documents so far)" if so_far else ""
    name = f"{run.name} ({run.id})" if run.name else run.id
    return f"{name}  {run.date}  {run.data['examples']:,} questions{left}: {shares}{more}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"
