"""Tables for other programs, and the paper's table."""

import csv
import io
import shutil
import subprocess

import pytest

from rlc.experiments.report.records import Cell, Table
from rlc.experiments.report.tables import FORMATS, as_csv, as_latex, as_markdown, paper_table
from rlc.experiments.runs.loop import answer_all
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.study import make_study

EVIL = r"\input{/etc/passwd} & 5% $x_1$ #{~^} <b>|"
TABLE = Table(
    "A & b",
    ("reader", "right, %"),
    [
        (Cell("a_b"), Cell("−12.5%", "1 to 2, n = 3", strong=True)),
        (Cell("=SUM(A1)"), Cell("–")),
        (Cell(EVIL), Cell("7")),
    ],
)


def test_by_hand():
    assert list(csv.reader(io.StringIO(as_csv(TABLE)))) == [
        ["reader", "right, %", "right, %: detail"],
        ["a_b", "-12.5%", "1 to 2, n = 3"],
        ["'=SUM(A1)", "", ""],
        [EVIL, "7", ""],
    ]
    assert as_latex(TABLE).splitlines()[:6] == [
        r"% A & b; needs \usepackage{booktabs}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"reader & right, \% \\",
        r"\midrule",
        r"a\_b & \textbf{$-$12.5\% (1 to 2, n = 3)} \\",
    ]
    assert as_markdown(TABLE).splitlines()[:3] == [
        "| reader | right, % |",
        "| --- | ---: |",
        r"| a_b | −12.5% (1 to 2, n = 3) |",
    ]


def test_no_text_becomes_a_command():
    [line] = [line for line in as_latex(TABLE).splitlines() if "passwd" in line]
    assert line == (
        r"\textbackslash{}input\{/etc/passwd\} \& 5\% \$x\_1\$ \#\{\textasciitilde{}\textasciicircum{}\} "
        r"$<$b$>$| & 7 \\"
    )
    assert r"\|" in as_markdown(TABLE)
    assert "<b>" not in as_markdown(TABLE)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_sets_it(tmp_path):
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}"
        + as_latex(TABLE)
        + "\\end{document}"
    )
    subprocess.run(["pdflatex", "-interaction=batchmode", "t.tex"], cwd=tmp_path, check=True, timeout=60)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_line_for_every_row(name):
    written = FORMATS[name][1](TABLE)
    assert sum(row[0].text[-5:] in written or "SUM" in written for row in TABLE.rows) == len(TABLE.rows)


def test_the_papers_table_has_tasks_and_all(dataset, right, wrong, tmp_path):
    frame = answer_all({"rag": wrong, "long": right}, dataset)
    table = paper_table(make_study(StoredRun(tmp_path, ResultsTable(frame))))
    assert table.columns == ("reader", "location", "hallu", "qa", "all")
    assert [cell.text for cell in table.rows[1]] == ["long", "100.0%", "100.0%", "–", "100.0%"]
    assert [cell.text for cell in table.rows[0]] == ["rag", "0.0%", "0.0%", "–", "0.0%"]
