"""Texts from outside are spelled out where they are shown."""

import click
from click.testing import CliRunner
from rich.console import Console
from rich.table import Table

from rlc.data.errors import UsageError
from rlc.data.text.escape import escape_controls
from rlc.experiments.cli.console import escape
from rlc.experiments.cli.main import Shell

STEERING = "\x1b]0;owned\x07\x1b[31m\u202eRED"


def test_control_codes_are_spelled_out():
    assert escape_controls(STEERING) == r"\x1b]0;owned\x07\x1b[31m\u202eRED"
    assert escape_controls("tabs\tand lines\n") == "tabs\tand lines\n"


def test_a_table_and_a_message_do_not_steer_the_terminal():
    table = Table()
    table.add_row(escape(f"[red]{STEERING}"))
    console = Console(record=True, width=100)
    console.print(table)
    shown = console.export_text()
    assert "\x1b" not in shown
    assert r"[red]\x1b]0;owned" in shown

    @click.group(cls=Shell)
    def program():
        pass

    @program.command()
    def fail():
        raise UsageError(f"no reader {STEERING}")

    said = CliRunner().invoke(program, ["fail"]).output
    assert r"no reader \x1b]0;owned" in said
    assert "\x1b" not in said
