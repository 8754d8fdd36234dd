"""Tables for other programs: CSV for spreadsheets, LaTeX for a paper, Markdown for notes; and the paper's table itself."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping

from rlc.data.text.escape import escape_controls
from rlc.experiments.report.cells import NONE, name, percent
from rlc.experiments.report.records import Cell, Table
from rlc.experiments.report.render import markdown_text
from rlc.experiments.report.sections.slices import slices
from rlc.experiments.study.study import Mask, Study

_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "<": r"$<$",
    ">": r"$>$",
}
_FORMULA = re.compile(r"[=+\-@\t\r]")  # what a spreadsheet takes for the beginning of one


def paper_table(study: Study) -> Table:
    """Every reader's accuracy as LaRA's Table 2 has it: the tasks of each length, then all of them; last everything.

    Source: Li et al., LaRA, arXiv 2502.09977.
    """
    lengths: Mapping[str, Mask] = slices(study, "length")
    tasks: Mapping[str, Mask] = slices(study, "task")
    columns: dict[str, Mask | None] = {}
    for length, within in lengths.items() if len(lengths) > 1 else {}.items():
        columns |= {
            f"{length} {task}": within & mask for task, mask in tasks.items() if (within & mask).any()
        }
        columns[f"{length}, all"] = within
    if not columns and len(tasks) > 1:
        columns |= tasks
    columns["all"] = None
    rows = [
        (name(one.label), *(percent(study.accuracy(one, mask)) for mask in columns.values()))
        for one in study.readers
    ]
    return Table(
        "Right answers",
        ("reader", *columns),
        rows,
        note="In percent, with 95% intervals clustered by document.",
    )


def as_csv(table: Table) -> str:
    """Comma-separated values: what a cell has in small in a column of its own; nothing that a spreadsheet would compute."""
    detailed = [any(row[place].detail for row in table.rows) for place in range(len(table.columns))]
    heads = [Cell(column, f"{column}: detail") for column in table.columns]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in (heads, *table.rows):
        cells = zip(row, detailed, strict=True)
        writer.writerow(
            _plain(text)
            for cell, more in cells
            for text in ((cell.text, cell.detail) if more else (cell.text,))
        )
    return file.getvalue()


def as_latex(table: Table) -> str:
    """A `tabular` with the rules of the package booktabs, to be put into a `table`; called figures are bold."""
    align = "l" * len(table.columns) if table.prose else "l" + "r" * (len(table.columns) - 1)
    lines = [
        rf"% {' '.join(escape_controls(table.title).split())}; needs \usepackage{{booktabs}}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        _latex_row(map(_latex, table.columns)),
        r"\midrule",
        *(_latex_row(map(_latex_cell, row)) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def as_markdown(table: Table) -> str:
    """Write a table as Markdown, with pipes."""
    rule = ["---" if table.prose or not place else "---:" for place in range(len(table.columns))]
    rows = [[_with_detail(cell, markdown_text) for cell in row] for row in table.rows]
    return "".join(
        f"| {' | '.join(row)} |\n" for row in ([markdown_text(one) for one in table.columns], rule, *rows)
    )


# What a table can be written as: its media type, what writes it, and the ending of a file.
FORMATS: Mapping[str, tuple[str, Callable[[Table], str], str]] = {
    "csv": ("text/csv", as_csv, "csv"),
    "latex": ("application/x-tex", as_latex, "tex"),
    "markdown": ("text/markdown", as_markdown, "md"),
}


def _plain(text: str) -> str:
    """A figure with an ASCII minus; any other text that begins like a formula behind an apostrophe."""
    plain = "" if text == NONE else escape_controls(text).replace("−", "-")
    figure = re.fullmatch(r"[+-]?[\d.,]+%?", plain)
    return f"'{plain}" if _FORMULA.match(plain) and not figure else plain


def _with_detail(cell: Cell, escape: Callable[[str], str]) -> str:
    return f"{escape(cell.text)} ({escape(cell.detail)})" if cell.detail else escape(cell.text)


def _latex_cell(cell: Cell) -> str:
    text = _with_detail(cell, _latex)
    return rf"\textbf{{{text}}}" if cell.strong else text


def _latex(text: str) -> str:
    return "".join(_LATEX.get(mark, mark) for mark in " ".join(escape_controls(text).split()))


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
