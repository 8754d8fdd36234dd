"""`rlc runs`: the runs of a folder, newest first."""

from pathlib import Path

import click

from rlc.data.plain import parse_json
from rlc.experiments.cli.options import OUT
from rlc.experiments.cli.words import say, say_line
from rlc.experiments.runs.naming import name_of


@click.command()
@OUT
def runs(out: Path) -> None:
    """List the runs of a folder, newest first: name, date, questions, and what every reader got right."""
    found = sorted(out.glob("*/summary.json"), key=lambda file: -file.stat().st_mtime)
    if not found:
        say_line(f"{out} holds no runs; make one with rlc compare, or give its folder with --out")
    say(map(line, found))


def line(summary: Path) -> str:
    """One run in a line; a file that cannot be read is named with the reason."""
    try:
        readers = parse_json(summary.read_text(encoding="utf-8"))
        about = parse_json(summary.with_name("provenance.json").read_text(encoding="utf-8"))
        date, asked = about["date"][:16].replace("T", " "), about["dataset"]["examples"]
        shares = ", ".join(f"{one['reader']} {_percent(one['accuracy']['value'])}" for one in readers[:4])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{summary.parent.name}: cannot be read ({error!r})"
    more = f" and {len(readers) - 4} more" if len(readers) > 4 else ""
    so_far = about.get("provisional")
    left = f" ({so_far['documents']:,} of {so_far['of']:,} documents so far)" if so_far else ""
    given = name_of(summary.parent)
    name = f"{given} ({summary.parent.name})" if given else summary.parent.name
    return f"{name}  {date}  {asked:,} questions{left}: {shares}{more}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"
