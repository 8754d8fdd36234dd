"""Tables of results on stdout."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.table import Table

from rlc.data.text.visible import visible
from rlc.experiments.scorers.overall import RULER_THRESHOLD
from rlc.experiments.study.lengths import ALL_TASKS, Reach, units


def summary_table(summaries: Sequence[Mapping[str, Any]], title: str, labels: Mapping[str, str]) -> Table:
    """The summaries of `rlc.experiments.runs.summary.summarise` as a rich table.

    `labels` renames readers (`auto` to what it resolved to). Accuracies are in percent, overall with the 95% interval, by task
    with n; tokens and seconds are
    means per answered question; a document's first question and its further ones stand with their computed tokens and
    seconds.
    """
    tasks = list(summaries[0]["tasks"]) if summaries else []
    table = Table(title=escape(title), title_justify="left", caption_justify="left")
    table.add_column("reader", no_wrap=True)
    for name in ("accuracy", *tasks):
        table.add_column(escape(name), justify="right")
    for name in ("n", "failed", "prompt tok", "cached tok", "new tok", "s to first", "s"):
        table.add_column(name, justify="right")
    for name in ("first question", "further ones", "read by"):
        table.add_column(name, justify="right")
    for summary in summaries:
        table.add_row(
            escape(labels.get(summary["reader"], summary["reader"])),
            *[_accuracy(summary["tasks"][task] if task else summary["accuracy"]) for task in ("", *tasks)],
            str(summary["n"]),
            str(summary["failures"]),
            *[_number(summary[key], 0) for key in ("prompt_tokens", "cached_tokens", "output_tokens")],
            *[_number(summary[key], 2) for key in ("first_token_seconds", "seconds")],
            *[_cost(summary["cost"], part) for part in ("first", "further")],
            escape(_shares(summary)),
        )
    return table


def escape(text: str) -> str:
    """A text from outside for a cell: neither markup nor what would steer a terminal."""
    return escape_markup(visible(text))


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
    """Print on stdout; a narrow or absent terminal gets the full width all the same, so that nothing is cut."""
    console = Console()
    needed = Console(width=1000).measure(table).maximum
    Console(width=max(console.width, needed) if not console.is_terminal else None).print(table)


def _accuracy(accuracy: Mapping[str, Any]) -> str:
    if accuracy["value"] is None:
        return "-"
    if accuracy.get("low") is not None:
        return f"{100 * accuracy['value']:.1f} [{100 * accuracy['low']:.0f}-{100 * accuracy['high']:.0f}]"
    return f"{100 * accuracy['value']:.1f} ({accuracy['n']})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _cost(cost: Mapping[str, Any], part: str) -> str:
    tokens, seconds = cost["tokens"][part], (cost["seconds"] or {}).get(part)
    if tokens is None:
        return "-"
    return f"{tokens:,.0f} tok" + ("" if seconds is None else f", {seconds:,.2f} s")


def _shares(summary: Mapping[str, Any]) -> str:
    shares = summary["shares"]
    if set(shares) <= {summary["reader"]}:
        return ""
    return ", ".join(f"{route} {100 * share:.0f}%" for route, share in sorted(shares.items()))
