import json
import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from rlc.data.errors import DataError, UsageError
from rlc.data.records import Answer, Dataset, Document, Evidence, Example, Usage
from rlc.experiments.cli.main import main
from rlc.experiments.metrics.cost import Price
from rlc.experiments.report.pages.run import make_report, study_of, write_report
from rlc.experiments.report.records import Report, Section, Table
from rlc.experiments.report.render import TEMPLATES, markdown_text, render_markdown
from rlc.experiments.report.sections.answer import sentences
from rlc.experiments.report.sections.frontier import pareto
from rlc.experiments.report.sections.silver import silver_recall
from rlc.experiments.report.sections.slices import slices
from rlc.experiments.runs.results import row, to_frame
from rlc.experiments.runs.results_file import write_results
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.run import write_json
from rlc.experiments.runs.stored import StoredRun, open_run
from rlc.experiments.scorers.base import Score
from rlc.experiments.study.readers import readers_of
from rlc.experiments.study.study import make_study

RAG = {"use": "recorded", "arm": "rag", "model": "m"}
LONG = {"use": "recorded", "arm": "long", "model": "m"}
SPECS = {"rag": RAG, "long": LONG, "auto": {"use": "length", "rag": RAG, "long": LONG, "threshold": 9}}
LABELS = {"auto": "auto (length)"}
DATA = {"name": "mine", "variant": "own", "revision": "r"}
DOCUMENTS = 11
STEERING = "\x1b[31m"
SCRIPT = "<script>alert(1)</script>"


def report_of(run, prices=None):
    return make_report(study_of(run, prices))


def example(i: int, **changes: object) -> Example:
    document = Document(id=f"d{i % DOCUMENTS}", page_content="The oil was 114 gallons. " * 20)
    kind = {"length": ("8k", "32k")[i % 2], "type": "book"}
    fields = {"task": ("location", "comp")[i % 2], "answers": ("114 gallons",), "answerable": i % 5 != 0}
    return Example(
        id=f"q{i}", question=f"How much {i}?", document=document, metadata=kind, **fields | changes
    )


def rows(reader: str, right, tokens: int = 100, count: int = 60, **answer: object) -> list[dict]:
    """A row per question; `right(i)` is its verdict, None a failure."""
    found = []
    for i in range(count):
        correct = right(i)
        error = "EngineError: it broke" if correct is None else None
        fields = {"route": reader, "usage": Usage(prompt_tokens=tokens), "error": error} | answer
        score = Score(correct=correct, reason="words", f1=0.5, contains=bool(correct), abstained=False)
        found.append(row(reader, example(i), Answer("an answer", **fields), score if not error else Score()))
    return found


def run_of(*parts: list[dict], specs=SPECS, labels=LABELS, data=DATA, folder=Path("a-run")) -> StoredRun:
    frame = to_frame([one for part in parts for one in part])
    return StoredRun(folder, ResultsTable(frame), specs, labels, {"dataset": data, "date": "2026-01-01"})


def arms(long=lambda i: i % 10 != 0, rag=lambda i: i % 2 == 0, auto=lambda i: i % 2 == 0) -> StoredRun:
    return run_of(rows("rag", rag), rows("long", long, 1000), rows("auto", auto, 300, route="rag"))


def save(run: StoredRun, folder: Path) -> Path:
    folder.mkdir(parents=True)
    write_results(run.frame, folder / "results.parquet")
    write_json(folder / "recipe.json", {"readers": run.specs, "labels": run.labels})
    write_json(folder / "provenance.json", run.provenance)
    return folder


def section(report: Report, name: str) -> Section:
    return next(one for one in report.sections if one.id == name)


def cells(table: Table, reader: str) -> dict[str, str]:
    line = next(line for line in table.rows if line[0].text == reader)
    return dict(zip(table.columns, (cell.text for cell in line), strict=True))


def test_the_figures_by_hand():
    report = report_of(arms())
    [table] = section(report, "cost-accuracy").tables
    assert cells(table, "rag")["accuracy"] == "50.0%"
    assert cells(table, "long")["accuracy"] == "90.0%"
    assert cells(table, "long")["prompt tokens a question"] == "1,000"
    assert [cells(table, name)["Pareto front"] for name in ("rag", "auto (length)", "long")] == [
        "no. 1",
        "",
        "no. 2",
    ]
    [routers] = section(report, "routers").tables
    found = cells(routers, "auto (length)")
    assert found["questions sent"] == "0% to long, 100% to rag"
    assert (found["accuracy"], found["better arm"], found["gain over it"]) == ("50.0%", "long", "−40.0")
    oracle = sum(i % 10 != 0 or i % 2 == 0 for i in range(60)) / 60
    assert found["oracle"] == f"{100 * oracle:.1f}%"
    assert found["regret"] == f"+{100 * (oracle - 0.5):.1f}"


def test_three_sentences_claim_a_difference_only_after_correction():
    told = sentences(make_study(arms()))
    assert "long is ahead by 40.0 points" in told[0]
    assert "over 2 comparisons" in told[0]
    assert "long 1,000 and rag 100, 10.0 times as many" in told[1]
    assert "40.0 points behind long, the better arm" in told[2]
    alike = sentences(make_study(arms(long=lambda i: i % 2 == 0 or i == 7)))
    assert "cannot be told apart" in alike[0]
    assert "ahead" not in alike[0]


def test_several_models_are_counted():
    specs = {f"{m}/{arm}": SPECS[arm] | {"model": m} for m in ("big", "small") for arm in ("rag", "long")}
    run = run_of(
        rows("big/rag", lambda i: i % 2 == 0),
        rows("big/long", lambda i: i % 10 != 0),
        rows("small/rag", lambda i: i % 10 != 0),
        rows("small/long", lambda i: i % 2 == 0),
        specs=specs,
    )
    accuracy, cost, router = sentences(make_study(run))
    assert "long is ahead of rag for 1 (big), rag ahead of long for 1 (small)" in accuracy
    assert "means over 2 models" in cost
    assert router == "No router ran."


def test_failures_stand_apart_and_are_counted_as_wrong_beside():
    run = run_of(rows("rag", lambda i: None if i < 15 else True), rows("long", lambda i: True))
    by_reader, _, kinds = section(report_of(run), "failures").tables
    found = cells(by_reader, "rag")
    assert (found["failed"], found["accuracy"], found["failed counted as wrong"]) == ("15", "100.0%", "75.0%")
    assert [cell.text for cell in kinds.rows[0]] == ["rag", "EngineError", "it broke", "15"]


def test_an_empty_group_is_a_dash_with_n_0():
    run = run_of(rows("rag", lambda i: None if i % 2 else True), rows("long", lambda i: True))
    table = section(report_of(run), "groups").tables[0]
    [cell] = [c for c, name in zip(table.rows[0], table.columns, strict=True) if name == "comp"]
    assert (cell.text, cell.detail) == ("–", "n = 0")


def test_one_arm_alone():
    report = report_of(run_of(rows("rag", lambda i: i % 2 == 0), specs={"rag": RAG}, labels={}))
    assert "nothing to compare" in section(report, "answer").texts[0]
    assert not section(report, "differences").tables
    assert "routers" not in [one.id for one in report.sections]


def test_nothing_answered(tmp_path):
    run = run_of(rows("rag", lambda i: None), rows("long", lambda i: None))
    page = write_report(str(save(run, tmp_path / "run")), tmp_path)
    text = page.read_text()
    assert "No answer could be judged" in text
    assert "Nothing was answered" in text


def test_on_few_documents_no_difference_would_show():
    parts = [rows("rag", lambda i: i == 1, count=3), rows("long", lambda i: i != 1, count=3)]
    assert "with so few documents no difference would show" in sentences(make_study(run_of(*parts)))[0]


def test_one_document_allows_no_test():
    part = [
        r for r in rows("rag", lambda i: True) + rows("long", lambda i: False) if r["document_id"] == "d1"
    ]
    assert "allows no test" in sentences(make_study(run_of(part)))[0]


@pytest.mark.parametrize(
    ("variant", "words", "loud"),
    [
        ("sample", "not the benchmark", True),
        ("own", "Your own data", False),
        ("benchmark", "Benchmark data", False),
    ],
)
def test_the_banner_says_what_the_figures_may_be_called(variant, words, loud):
    report = report_of(run_of(rows("rag", lambda i: True), data=DATA | {"variant": variant}))
    assert words in report.banner
    assert report.loud is loud
    assert render_markdown(report).splitlines()[2].startswith("**Warning.** " * loud + report.banner[:10])


def test_book_comparisons_with_absent_names_stand_apart():
    metadata = {"type": "book", "length": "32k", "names_absent": True}
    part = rows("rag", lambda i: i % 2 == 0, count=8)
    marked = [
        r | {"task": "comp", "metadata": json.dumps(metadata)} if i < 3 else r for i, r in enumerate(part)
    ]
    found = section(report_of(run_of(marked)), "books")
    n = sum(r["task"] == "comp" for r in marked)
    assert f"In 3 of {n} comparison questions on books" in found.texts[0]
    assert "books" not in [one.id for one in report_of(run_of(part)).sections]


def test_prices():
    report = report_of(arms(), {"m": Price(2.0, 1.0, 8.0)})
    table = section(report, "costs").tables[-1]
    assert cells(table, "rag")["dollars"] == f"{1000 * 100 * 2 / 1e6:.2f}"
    with pytest.raises(UsageError, match="add it to the file of --prices"):
        report_of(arms(), {"another": Price(2.0, 1.0, 8.0)})


def test_roles_models_and_arms_come_from_the_specs():
    readers = readers_of(["rag", "long", "auto", "strange"], SPECS, LABELS)
    assert [reader.role for reader in readers] == ["rag", "long", "router", "other"]
    assert readers[2].arms == ("rag", "long")
    assert readers[2].models == ("m",)
    assert readers[3].models == ()


def test_lengths_are_sorted_as_numbers_and_unknown_values_kept():
    run = run_of(rows("rag", lambda i: True))
    assert list(slices(make_study(run), "length")) == ["8k", "32k"]
    frame = run.frame.with_columns(
        length=pl.when(pl.col("example_id") == "q0").then(None).otherwise("length")
    )
    part = slices(make_study(StoredRun(run.folder, ResultsTable(frame))), "length")
    assert part["unknown"].sum() == 1


def test_pareto_keeps_what_nothing_beats():
    points = {"cheap": (1.0, 0.5), "twin": (1.0, 0.5), "worse": (2.0, 0.4), "best": (3.0, 0.9)}
    assert pareto(points) == ["cheap", "best"]


def test_silver_evidence_needs_the_documents():
    read = (Evidence("d0", 0, 24, 1.0),)
    run = run_of([r for r in rows("rag", lambda i: True, evidence=read) if r["document_id"] == "d0"])
    absent = silver_recall(make_study(run, absence="no documents"))
    assert absent is not None
    assert "no documents" in absent.texts[0]
    assert silver_recall(make_study(arms())) is None


def test_silver_recall_by_hand():
    text = "Nothing is said here. " * 50 + "The oil was 114 gallons."
    document = Document(id="d", page_content=text)
    at = text.index("114")
    spans = {"q0": (at - 5, at + 10), "q1": (0, 15)}  # one reads the evidence, one the beginning
    asked = [Example(q, "How much?", document, ("114 gallons",), answerable=True) for q in spans]
    answers = {q: Answer("x", "rag", evidence=(Evidence("d", *span),)) for q, span in spans.items()}
    part = [row("rag", e, answers[e.id], Score(correct=True)) for e in asked]
    data = Dataset("mine", tuple(asked), {"d": document}, "r")
    found = silver_recall(make_study(run_of(part), dataset=data))
    assert found is not None
    line = cells(found.tables[0], "rag")
    assert (line["passages read"], line["the beginning"]) == ("50.0%", "0.0%")
    assert line["share of the text read"] == f"{100 * 15 / len(text):.1f}%"


OWN = (TEMPLATES / "grid.js").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects what a browser would fetch or run, but for the page's own script and the data that it reads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.feed(text.replace(f"<script>{OWN}</script>", ""))

    def handle_starttag(self, tag, attrs):
        if tag == "script" and ("type", "application/json") in attrs:
            return
        if tag in ("script", "img", "iframe", "object", "link"):
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href", "xlink:href") and not value.startswith("#")):
                self.active.append(f"{tag} {name}={value}")


def test_no_text_from_outside_reaches_a_page_unescaped(tmp_path):
    evil = f"rag-->{STEERING}{SCRIPT}$x^2$|`"
    part = rows(evil, lambda i: None if i < 3 else i % 2 == 0, count=24)
    for one in part:
        one.update(question=SCRIPT, prediction=SCRIPT, task=f"t{SCRIPT}", length=STEERING)
        one["error"] = f"{SCRIPT}{STEERING}: {SCRIPT}" if one["error"] else None
    run = run_of(
        part,
        rows("long", lambda i: True, count=24),
        specs={evil: RAG | {"model": f"m{SCRIPT}"}, "long": LONG},
        labels={evil: evil},
        data=DATA | {"name": f"data{SCRIPT}{STEERING}"},
    )
    page = write_report(str(save(run, tmp_path / "run")), tmp_path)
    html, markdown = page.read_text(encoding="utf-8"), page.with_name("report.md").read_text(encoding="utf-8")
    assert Page(html).active == []
    assert "<script" not in markdown
    assert html.count("<script") == html.count("</script") == 2  # its own, and the rows of the table
    for text in (html, markdown, *(file.read_text(encoding="utf-8") for file in page.parent.glob("*.svg"))):
        assert "\x1b" not in text
    assert r"\x1b[31m" in html
    widths = {
        len(re.findall(r"(?<!\\)\|", line)) for line in markdown.split("### Readers")[1].splitlines()[2:4]
    }
    assert len(widths) == 1


def test_markdown_text_is_one_harmless_line():
    assert markdown_text("a|b\n<b> *c* [d](e) snake_case _f_") == (
        r"a\|b &lt;b&gt; \*c\* \[d\](e) snake_case \_f\_"
    )


def test_report_files_and_the_same_again(tmp_path):
    folder = save(arms(), tmp_path / "runs" / "one")
    done = CliRunner().invoke(main, ["report", "one", "--out", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    page = folder / "report" / "report.html"
    assert done.output.strip() == str(page)
    names = {file.name for file in page.parent.iterdir()}
    plots = {
        f"{name}.{kind}" for name in ("cost-accuracy", "groups", "differences") for kind in ("png", "svg")
    }
    assert names == {"report.html", "report.md", "pictures.json"} | plots
    html = page.read_text()
    assert Page(html).active == []
    assert html.count("<svg") == 3
    assert "currentColor" in html
    again = write_report(str(folder), tmp_path, to=tmp_path / "again")
    assert again.read_text() == html


def test_unknown_runs_name_the_nearest(tmp_path):
    save(arms(), tmp_path / "lara-benchmark-12")
    with pytest.raises(UsageError, match="nearest: lara-benchmark-12"):
        open_run("lara-benchmrk", tmp_path)
    with pytest.raises(UsageError, match="holds no runs"):
        open_run("any", tmp_path / "nowhere")


def test_a_stored_run_may_call_its_retriever_index(tmp_path):
    folder = save(arms(), tmp_path / "run")
    recipe = {"readers": {"rag": {"use": "rag", "index": {"use": "bm25", "k": 3}}}, "labels": {}}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    assert open_run("run", tmp_path).specs["rag"] == {"use": "rag", "retriever": {"use": "bm25", "k": 3}}


def test_broken_runs_say_what_is_broken(tmp_path):
    folder = save(arms(), tmp_path / "run")
    (folder / "recipe.json").write_text("[]")
    with pytest.raises(DataError, match="expected a table, got list"):
        open_run("run", tmp_path)
    (folder / "recipe.json").unlink()
    with pytest.raises(DataError, match=r"recipe\.json cannot be read"):
        open_run("run", tmp_path)
    write_results(pl.DataFrame({"reader": ["rag"]}), folder / "results.parquet")
    with pytest.raises(DataError, match="another version"):
        open_run("run", tmp_path)


def test_a_question_twice_or_no_row_at_all_is_an_error():
    part = rows("rag", lambda i: True)
    with pytest.raises(DataError, match="several rows for 'q0'"):
        make_study(run_of(part, part[:1]))
    with pytest.raises(DataError, match="no rows"):
        make_study(run_of([]))


def test_the_folder_that_cannot_be_written(tmp_path):
    folder = save(arms(), tmp_path / "run")
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["report", str(folder), "--to", str(tmp_path / "file" / "x")])
    assert done.exit_code == 1
    assert "give another folder with --to" in done.output
