"""Sentences for people: wrapped at words to the terminal's width, and whole where there is no terminal."""

import shutil
import sys
import textwrap
from collections.abc import Iterable

import click

from rlc.data.text.escape import escape_controls

HANG = 2  # how far a line that goes on is set in


def width_of_terminal(err: bool = False) -> int | None:
    """The terminal's columns; None where stdout (or stderr) is no terminal, so that nothing is cut."""
    return shutil.get_terminal_size().columns if (sys.stderr if err else sys.stdout).isatty() else None


def say(lines: Iterable[str], hang: int = HANG) -> None:
    """Print sentences on stdout, a line each."""
    for line in lines:
        say_line(line, hang)


def say_line(line: str, hang: int = HANG) -> None:
    """Print one of them."""
    click.echo(wrapped(escape_controls(line), width_of_terminal(), hang))


def tell(message: str, colour: str | None = None) -> None:
    """Print on stderr what is no result: a warning, an error, what is going on."""
    click.secho(wrapped(escape_controls(message), width_of_terminal(err=True)), err=True, fg=colour)


def wrapped(text: str, width: int | None, hang: int = HANG) -> str:
    """A text in so many columns, its lines broken between words."""
    return "\n".join(
        line
        if width is None or len(line) <= width
        else textwrap.fill(
            line, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
        )
        for line in text.split("\n")
    )
