"""What is printed for people: the table of a comparison, fitted to the terminal, and sentences wrapped at words."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.markup import escape as escape_markup
from rich.table import Table
from rich.text import Text

from rlc.data.errors import UsageError, unknown
from rlc.data.text.escape import escape_controls
from rlc.experiments.cli.words import say, width_of_terminal
from rlc.experiments.report.cells import points_text
from rlc.experiments.report.records import Report
from rlc.experiments.report.sections.costs import price_per_question
from rlc.experiments.report.terminal import heading, section_lines, table_of
from rlc.experiments.runs.rounds import Standing
from rlc.experiments.scorers.overall import RULER_THRESHOLD
from rlc.experiments.study.lengths import ALL_TASKS, Reach, units
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

ALL = 1_000  # columns of a console that holds every table whole
EMPTY = ("", "-", "0")

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the table: how --columns calls it, its head, its cells, and whether it stays where there is no room."""

    name: str
    head: str
    cells: Sequence[str]
    always: bool = False

    @property
    def says_something(self) -> bool:
        """Whether a reader of the table learns anything from it."""
        return not set(self.cells) <= set(EMPTY)


def escape(text: str) -> str:
    """A text from outside for a cell: neither markup nor what would steer a terminal."""
    return escape_markup(escape_controls(text))


def columns(study: Study) -> list[Column]:
    """All columns of a comparison, the most wanted first; those that say nothing are left out.

    Shares are in percent, overall with the 95% interval, by task with n; tokens, seconds and dollars are means per
    answered question. `first` and `further` are computed tokens and seconds of a document's first and further questions.
    """
    summaries = study.summaries
    readers = [study.reader(summary["reader"]) for summary in summaries]

    def of(cell: Callable[[Summary], str]) -> list[str]:
        return [cell(summary) for summary in summaries]

    seconds = of(lambda s: _number(s["seconds"], 2))
    dollars = [_dollars(study, reader) for reader in readers]
    even = len({summary["accuracy"]["n"] for summary in summaries}) < 2
    found = [
        Column("reader", "reader", [reader.label for reader in readers], always=True),
        Column("right", "right, %", of(lambda s: _share(s["accuracy"])), always=True),
        Column("judged", "of", [] if even else of(lambda s: f"{s['accuracy']['n']:,}"), always=True),
        Column("failed", "failed", of(lambda s: f"{s['failures']:,}"), always=True),
        Column("tokens", "tokens", of(lambda s: _number(s["prompt_tokens"], 0)), always=True),
        Column("dollars", "$ / 1,000", dollars, always=True),
        Column("seconds", "s", seconds, always=set(dollars) <= set(EMPTY)),
        Column("verdict", "verdict", [verdict(study, reader) for reader in readers], always=True),
        Column("route", "read by", of(_shares)),
        *(
            Column(task, task, [_share(summary["tasks"][task]) for summary in summaries])
            for task in _tasks(summaries)
        ),
        Column("new", "new", of(lambda s: _number(s["output_tokens"], 0))),
        Column("cached", "cached", of(lambda s: _number(s["cached_tokens"], 0))),
        Column("first-token", "s to first", of(lambda s: _number(s["first_token_seconds"], 2))),
    ]
    if any(summary["cost"]["tokens"]["further"] is not None for summary in summaries):
        found += [
            Column(part, part, [_cost(summary["cost"], part) for summary in summaries])
            for part in ("first", "further")
        ]
    return [column for column in found if column.cells and column.says_something]


def chosen(found: Sequence[Column], names: Sequence[str], width: int | None) -> list[Column]:
    """The columns of these names, or those that fit the width; with neither, all.

    Raises:
        UsageError: on a name that the table does not have.
    """
    if names:
        by_name = {column.name: column for column in found}
        for name in names:
            if name not in by_name:
                raise UsageError(unknown("column", name, by_name))
        return [by_name[name] for name in names]
    if width is None:
        return list(found)
    shown = [column for column in found if column.always]
    for column in found:
        if not column.always:
            wider = [one for one in found if one in shown or one is column]
            if _measure(wider) <= width:
                shown = wider
    return shown


def as_table(shown: Sequence[Column], title: str = "") -> Table:
    """Columns as a rich table; words to the left, figures to the right."""
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in shown:
        words = column.name in ("reader", "verdict", "route")
        justify: JustifyMethod = "left" if words else "right"
        # A name without spaces goes on in the next line: cut, those of one model's arms would all be the same.
        table.add_column(escape(column.head), justify=justify, no_wrap=not words, overflow="fold")
    for row in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*map(escape, row))
    return table


def lengths_table(found: Sequence[Reach], labels: Mapping[str, str]) -> Table:
    """Means by length, a line a reader and task, and where each breaks."""
    sizes = sorted({size for one in found for size in one.means})
    caption = f"breaks: the first length at which the mean is below {100 * RULER_THRESHOLD:.1f}% (RULER's threshold)"
    table = Table(title="by length", title_justify="left", caption=caption, caption_justify="left")
    table.add_column("task")
    table.add_column("reader")
    for size in (*map(units, sizes), "breaks at"):
        table.add_column(size, justify="right")
    for one in sorted(found, key=lambda one: one.task == ALL_TASKS):
        means = [f"{100 * one.means[size]:.0f}" if size in one.means else "-" for size in sizes]
        broken = "holds" if one.breaks_at is None else units(one.breaks_at)
        table.add_row(escape(one.task), escape(labels.get(one.reader, one.reader)), *means, broken)
    return table


def print_table(table: Table) -> None:
    """Print on stdout, as wide as the table is where there is no terminal.

    In a terminal, columns that have no room are left out from the right, and named: a cut cell says nothing.
    """
    console = Console()
    width = console.width if console.is_terminal else ALL
    title, table.title = table.title, None  # rich would fold it to the width of a narrow table
    if title:
        Console(width=width).print(title, style="italic", highlight=False)
    left_out = []
    while len(table.columns) > 2 and _ellipses(table, width) > _ellipses(table, ALL):
        left_out.append(table.columns.pop())
    Console(width=width).print(table)
    if left_out:
        names = ", ".join(str(column.header) for column in reversed(left_out))
        say([f"in a wider terminal, or through a pipe: {names}"])


def tell_standing(standing: Standing, labels: Mapping[str, str], *, judged_later: bool = False) -> None:
    """Show on stderr, in at most 80 columns, how a comparison stands while it goes on."""
    later = ", judged by the rules so far" if judged_later else ""
    table = Table(
        title=f"provisional: {standing.documents:,} of {standing.of:,} documents{later}",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for head in ("reader", "% right\n(95% interval)", "n", "failed", "tokens", "s"):
        name = head == "reader"
        table.add_column(head, justify="left" if name else "right", no_wrap=not name, overflow="fold")
    for one in standing.summaries:
        table.add_row(
            escape(labels.get(one["reader"], one["reader"])),
            _share(one["accuracy"]),
            f"{one['n']:,}",
            f"{one['failures']:,}",
            _number(one["prompt_tokens"], 0),
            _number(one["seconds"], 2),
        )
    shown = io.StringIO()
    Console(width=min(80, width_of_terminal(err=True) or 80), file=shown).print(table)
    click.echo(shown.getvalue().rstrip(), err=True)


def _ellipses(table: Table, width: int) -> int:
    """How many cells are cut at this width: a cell of several words is folded, one long word is not."""
    shown = io.StringIO()
    Console(width=width, file=shown).print(table)
    return shown.getvalue().count("…")


def print_report(report: Report) -> None:
    """A report's texts, tables and blocks on the terminal; plots and grids are left to the page."""
    for line in heading(report):
        say_styled(line)
    for section in report.sections:
        for line in section_lines(section):
            say_styled(line)
        for table in section.tables:
            print_table(table_of(table))


def say_styled(line: Text) -> None:
    """Print a line of styled text, wrapped at words to the terminal's width."""
    console = Console(highlight=False, emoji=False)
    console.print(line, soft_wrap=not console.is_terminal)


def verdict(study: Study, reader: ReaderInfo) -> str:
    """What the tests say of a reader: ahead of or behind which others of its group, as far as it is told."""
    ahead: list[tuple[str, float]] = []
    behind: list[tuple[str, float]] = []
    tested = False
    for one in study.comparisons:
        told_elsewhere = one.first.role == "router" and reader is one.second  # in the router's own row
        if reader not in (one.first, one.second) or told_elsewhere or one.difference.p is None:
            continue
        tested = True
        sign = (one.difference.value or 0) * (1 if reader is one.first else -1)
        other = one.second if reader is one.first else one.first
        if one.difference.called:
            (ahead if sign > 0 else behind).append((other.short, sign))
    told = [
        f"{words} {_others(found)}" for words, found in (("ahead of", ahead), ("behind", behind)) if found
    ]
    return ", ".join(told) or ("not told apart" if tested else "")


def _others(found: Sequence[tuple[str, float]]) -> str:
    [(name, sign), *more] = found
    return f"{len(found)} others" if more else f"{name} ({points_text(sign)})"


def _measure(shown: Sequence[Column]) -> int:
    return Console(width=ALL).measure(as_table(shown)).maximum


def _tasks(summaries: Sequence[Summary]) -> list[str]:
    return [task for task in (summaries[0]["tasks"] if summaries else ()) if task]


def _share(accuracy: Mapping[str, Any]) -> str:
    if accuracy["value"] is None:
        return "-"
    value = f"{100 * accuracy['value']:.1f}"
    if accuracy.get("low") is not None:
        return f"{value} ({100 * accuracy['low']:.0f} to {100 * accuracy['high']:.0f})"
    return f"{value} ({accuracy['n']})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _dollars(study: Study, reader: ReaderInfo) -> str:
    price = price_per_question(study, reader) if study.prices else None
    return "-" if price is None else f"{1000 * price:,.2f}"


def _cost(cost: Mapping[str, Any], part: str) -> str:
    tokens, seconds = cost["tokens"][part], (cost["seconds"] or {}).get(part)
    if tokens is None:
        return "-"
    return f"{tokens:,.0f} tok" + ("" if seconds is None else f", {seconds:,.2f} s")


def _shares(summary: Summary) -> str:
    shares = summary["shares"]
    if set(shares) <= {summary["reader"]}:
        return ""
    names = {route: route.rpartition("/")[2] for route in shares}
    return ", ".join(f"{names[route]} {100 * share:.0f}%" for route, share in sorted(shares.items()))
