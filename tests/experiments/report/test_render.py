"""The report's table of questions, as a browser runs it."""

import html
import json
import re
import shutil
import subprocess

import pytest

from rlc.experiments.report.records import Cell, Grid, Report, Section, Sortable, Table
from rlc.experiments.report.render import TEMPLATES, render_html, render_markdown

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EVIL = '</script><img src=x onerror="document.title=1">'
ROWS = [
    (f"question {i} {'odd' if i % 2 else 'even'}", Sortable(i % 7, f"{i % 7} of 7"), None) for i in range(60)
]
GRID = Grid(
    "60 questions",
    ("question", "rag", "empty"),
    [*ROWS, (EVIL, Sortable(9, "9 of 7"), 1.5)],
    ("reader", "answer"),
    [[("rag", f"answer {i}")] for i in range(60)] + [[("rag", EVIL)]],
)
PAGE = Report(
    "A <run>", "Own data.", loud=False, sections=[Section("questions", "Every question", grid=GRID)]
)

ACT = """
const grid = document.querySelector(".grid"), seen = {};
const look = (name) => {
  seen[name] = [grid.querySelector("output").textContent.trim(),
                [...grid.querySelectorAll("tbody > tr > th[scope=row]")].map((cell) => cell.textContent)];
};
look("first");
grid.querySelector("[aria-label='rows after']").click();
look("after");
grid.querySelectorAll("thead button")[1].click();
grid.querySelectorAll("thead button")[1].click();
look("sorted");
grid.querySelector("tbody button").click();
seen.opened = grid.querySelector(".under").textContent;
grid.querySelector("input").value = "ODD 57";
grid.querySelector("input").oninput();
setTimeout(() => {
  look("found");
  document.body.innerHTML = "";
  document.body.append(Object.assign(document.createElement("pre"), { textContent: JSON.stringify(seen) }));
}, 500);
"""


def test_without_scripts_it_is_a_plain_table():
    page = render_html(PAGE, {})
    plain = page.split("<noscript>")[1].split("</noscript>")[0]
    assert plain.count("<tr>") == 62
    assert "6 of 7" in plain
    assert EVIL not in page
    assert html.escape(EVIL, quote=False).replace('"', "&#34;") in plain
    assert "61 rows" in render_markdown(PAGE)


def test_what_is_set_off_is_bold_in_markdown_too_and_an_empty_cell_is_empty():
    rows = [[Cell("rag"), Cell("-8.9", "long", strong=True), Cell("", strong=True), Cell("1.0")]]
    table = Table("By arm", ("arm", "change", "rank", "right"), rows)
    report = Report("A run", "Own data.", loud=False, sections=[Section("arms", "Arms", tables=[table])])
    assert "| rag | **-8.9** (long) |  | 1.0 |" in render_markdown(report)
    assert '<td class="strong">-8.9<small>long</small></td>' in render_html(report, {})


def test_the_rows_cannot_end_their_element():
    page = render_html(PAGE, {})
    text = re.search(r'<script type="application/json" id="questions-rows">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    found = json.loads(text[1])
    assert found["rows"][60] == [EVIL, [9, "9 of 7"], 1.5]
    assert found["details"][60] == [["rag", EVIL]]
    assert len(found["rows"]) == len(found["details"]) == 61


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_searches_sorts_and_opens(tmp_path):
    page = render_html(PAGE, {}).replace("</body>", f"<script>{ACT}</script></body>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    command = [
        str(BROWSER),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        (tmp_path / "page.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    text = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    assert text is not None, done.stdout[-2000:]
    seen = json.loads(html.unescape(text[1]))
    assert seen["first"][0] == "1 to 50 of 61"
    assert len(seen["first"][1]) == 50
    assert seen["after"][0] == "51 to 61 of 61"
    assert seen["sorted"][1][0] == EVIL  # the highest first, and only a text
    assert seen["sorted"][1][1:3] == [ROWS[6][0], ROWS[13][0]]  # equal ones in the order of the rows
    assert seen["opened"].endswith(f"rag{EVIL}")
    assert seen["found"][1] == ["question 57 odd"]


def test_the_script_sets_texts_only_as_texts():
    script = (TEMPLATES / "grid.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(|https?:", script)
