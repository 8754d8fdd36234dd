"""The report's later sections on small runs whose figures can be counted by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rlc.data.records import Answer, Dataset, Document, Evidence, Example, Usage
from rlc.experiments.report.figures.bins import quantile_bins, within
from rlc.experiments.report.figures.calibration import calibrated, calibration_plot
from rlc.experiments.report.figures.plots import style
from rlc.experiments.report.figures.pricing import choose, curve, price_plot, price_table, priced
from rlc.experiments.report.records import Section, Table
from rlc.experiments.report.sections.answer import answer, sentences
from rlc.experiments.report.sections.compared import compared
from rlc.experiments.report.sections.extremes import extremes
from rlc.experiments.report.sections.failures import failures
from rlc.experiments.report.sections.length import length
from rlc.experiments.report.sections.position import fifths, from_evidence, from_parts, position
from rlc.experiments.report.sections.pruning import pruning
from rlc.experiments.report.sections.questions import questions
from rlc.experiments.report.sections.retrieved import retrieved
from rlc.experiments.report.sections.routing import routing
from rlc.experiments.runs.results import row, to_frame
from rlc.experiments.runs.results_table import ResultsTable
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.scorers.base import Score
from rlc.experiments.study.router_scores import Scored, scores
from rlc.experiments.study.study import Study, make_study

COUNT = 20
BEFORE, GOLD, AFTER = "Nothing is said. " * 9, "The oil was 114 gallons.", " Nobody knew." * 9
TEXT = BEFORE + GOLD + AFTER
AT = TEXT.index("114")
PASSAGE = (AT - 12, AT + 12)  # exactly the sentence of the oil
RAG = {"use": "rag", "llm": {"use": "scripted", "model": "m"}}
LONG = {"use": "long", "llm": {"use": "scripted", "model": "m"}}
SPECS = {
    "rag": RAG,
    "pruned": {**RAG, "steps": [{"use": "lexical"}]},
    "long": LONG,
    "auto": {"use": "learned", "rag": RAG, "long": LONG},
}


def asked(i: int) -> Example:
    """Twenty questions on ten documents, the documents of the second half longer."""
    text = TEXT if i % 10 < 5 else TEXT + " Nobody knew." * 200
    return Example(
        f"q{i:02}",
        f"How much oil, {i}?",
        Document(id=f"d{i % 10}", page_content=text),
        ("114 gallons",),
        task="location",
        answerable=i >= 2,
        metadata={"context_order": str(i % 10 // 5) if i < 18 else "full"},
    )


EXAMPLES = tuple(map(asked, range(COUNT)))
DATA = Dataset("mine", EXAMPLES, {e.document_id: e.document for e in EXAMPLES}, "r")


def reader(name, right, *, evidence=None, tokens=100, details=None, text="said", abstained=False):
    """Rows of a reader; `right(i)` is the verdict, None a failure; `evidence(i)` lists spans and passages."""
    found = []
    for i, example in enumerate(EXAMPLES):
        verdict = right(i)
        read = tuple(
            Evidence(example.document_id, *span, passage=passage)
            for span, passage in (evidence(i) if evidence else ())
        )
        answer = Answer(
            text,
            name,
            read,
            Usage(prompt_tokens=tokens),
            error="EngineError: it broke" if verdict is None else None,
            details=details(i) if details else {},
        )
        score = Score(correct=verdict, reason="words", f1=float(bool(verdict)), abstained=abstained)
        found.append(row(name, example, answer, score if verdict is not None else Score()))
    return found


def study(*parts, dataset: Dataset | None = DATA) -> Study:
    frame = to_frame([one for part in parts for one in part])
    run = StoredRun(
        Path("a-run"), ResultsTable(frame), SPECS, {}, {"dataset": {"name": "mine", "variant": "own"}}
    )
    return make_study(run, dataset=dataset, absence="" if dataset else "they are elsewhere")


def hit(i):  # every other question's evidence is found
    return [((AT - 5, AT + 8), None)] if i % 2 == 0 else [((0, 16), None)]


def cells(table: Table, name: str) -> dict[str, str]:
    line = next(line for line in table.rows if line[0].text == name)
    return dict(zip(table.columns, (cell.text for cell in line), strict=True))


def drawn(section: Section) -> None:
    """Every plot can be drawn."""
    with style():
        for plot in section.plots:
            assert plot.draw().axes


def test_what_engines_noted_stands_with_the_readers():
    given = study(reader("rag", lambda i: True), reader("long", lambda i: True))
    noted = given.run.frame.with_columns(
        details=pl.when(pl.col("reader") == "long").then(pl.lit('{"note": "are moved"}')).otherwise("details")
    )
    told = make_study(replace(given.run, table=ResultsTable(noted)), dataset=DATA)
    assert "long: 20 answers are moved." in compared(told).texts
    assert not any("moved" in text for text in compared(given).texts)


def test_retrieval_against_answers_by_hand():
    given = study(reader("rag", lambda i: i % 2 == 0, evidence=hit), reader("long", lambda i: i < 10))
    found = retrieved(given)
    assert found is not None
    line = cells(found.tables[0], "rag")
    assert line["evidence found"] == "50.0%"
    assert (line["right where found"], line["right where missed"]) == ("100.0%", "0.0%")
    # Of the 18 answerable questions 9 were found; long is right on 4 of them, and on 4 of the 9 that were missed.
    assert (line["long minus it, found"], line["long minus it, missed"]) == ("−55.6", "+44.4")
    drawn(found)
    assert retrieved(study(reader("rag", lambda i: True))) is None
    assert retrieved(study(reader("rag", lambda i: True, evidence=hit), dataset=None)) is None


def test_pruning_by_hand():
    def kept(i):  # half of the questions lose the figure, all lose half of the passage or so
        half = (PASSAGE[0], AT + 3) if i % 2 == 0 else (AT + 3, PASSAGE[1])
        return [(half, PASSAGE)]

    given = study(
        reader("rag", lambda i: True, evidence=lambda i: [(PASSAGE, None)]),
        reader("pruned", lambda i: i % 2 == 0, evidence=kept),
        reader("long", lambda i: True),
    )
    found = pruning(given)
    assert found is not None
    line = cells(found.tables[0], "pruned")
    assert (line["evidence kept"], line["accuracy"], line["minus unpruned"]) == ("50.0%", "50.0%", "−50.0")
    assert line["unpruned reader"] == "rag"
    assert 20 < float(line["tokens removed"].rstrip("%")) < 80
    drawn(found)
    absent = pruning(study(reader("pruned", lambda i: True, evidence=kept), dataset=None))
    assert absent is not None
    assert "they are elsewhere" in absent.texts[0]
    assert pruning(study(reader("rag", lambda i: True, evidence=hit))) is None


def test_places_by_hand():
    given = study(reader("rag", lambda i: True), reader("long", lambda i: True))
    parts = from_parts(given)
    assert np.isnan(parts[[18, 19]]).all()  # on the whole document
    assert parts[0] == 0.5  # the only part that any question of its document was written on
    assert parts[5] == 0.75
    seen = from_evidence(given)
    assert np.isnan(seen[[0, 1]]).all()  # not answerable
    assert seen[2] == pytest.approx(AT / len(TEXT))
    assert {
        name: int(mask.sum()) for name, mask in fifths(np.array([0.0, 0.2, 0.99, 1.0, np.nan])).items()
    } == {
        "0–20%": 1,
        "20–40%": 1,
        "40–60%": 0,
        "60–80%": 0,
        "80–100%": 2,
    }
    found = position(given)
    assert found is not None
    assert [plot.name for plot in found.plots] == ["position-parts", "position-evidence"]
    drawn(found)


def test_without_parts_and_documents_there_is_no_position_and_no_length():
    plain = [{**one, "metadata": "{}"} for one in reader("rag", lambda i: True)]
    assert position(study(plain, dataset=None)) is None
    assert length(study(plain, dataset=None)) is None


def test_length_by_hand():
    found = length(study(reader("rag", lambda i: i % 10 < 5), reader("long", lambda i: True)))
    assert found is not None
    short, long = (cell.text for cell in found.tables[0].rows[0][1:])
    assert (short, long) == ("100.0%", "0.0%")
    drawn(found)


def test_bins_hold_every_finite_value_once():
    values = np.array([3.0, 1.0, 1.0, 2.0, 9.0, np.nan])
    bins = quantile_bins(values, 3)
    assert bins == [(1.0, 1.0), (2.0, 2.0), (3.0, 9.0)]
    assert [int(within(values, span).sum()) for span in bins] == [2, 1, 2]
    assert quantile_bins(np.array([np.nan]), 3) == []
    assert quantile_bins(np.array([2.0, 2.0]), 3) == [(2.0, 2.0)]


SCORED = Scored(
    name="auto",
    gains=np.array([0.5, 0.2, -0.1, -0.3]),
    rag=np.array([0.0, 1.0, 1.0, 1.0]),
    long=np.array([1.0, 1.0, 0.0, 0.0]),
    rag_tokens=np.full(4, 100.0),
    long_tokens=np.full(4, 1100.0),
    documents=["a", "b", "c", "d"],
    pays_both=False,
    worth=np.array([0.5, 0.2, -0.1, -0.3]),
    kept=np.array([1.0, 1.0, 0.0, 0.0]),
)


def test_a_price_by_hand():
    assert choose(SCORED, 0).tolist() == [True, True, False, False]
    assert choose(SCORED, 0.3).tolist() == [True, False, False, False]  # 0.3 a thousand, a thousand more
    assert not choose(SCORED, float("inf")).any()
    one = priced(SCORED, 0.3)
    assert (one.whole, one.tokens, one.accuracy.value) == (0.25, 350.0, 1.0)
    assert priced(replace(SCORED, pays_both=True), 0.3).tokens == 375.0
    tokens = [point.tokens for point in curve(SCORED)]
    assert tokens == sorted(tokens, reverse=True)
    assert tokens[-1] == 100.0
    rows = price_table([SCORED]).rows
    assert [row[1].text for row in rows] == ["10%", "75%"]
    assert [row[4].text for row in rows] == ["100", "600"]


def test_a_price_of_two_stages_by_hand():
    """It ran at 0.1: the first two were bought, of the second it kept the RAG answer; below 0.1 nobody knows."""
    staged = replace(
        SCORED,
        worth=np.array([0.4, 0.2, 0.0, 0.0]),
        kept=np.array([1.0, 1.0, 0.0, 0.0]),
        least=0.1,
        pays_both=True,
    )
    at = curve(staged)
    assert at[0].price == 0.1
    assert (at[0].whole, at[0].tokens, at[0].accuracy.value) == (0.5, 650.0, 1.0)
    assert priced(staged, 0.3).whole == 0.25


def test_what_two_stages_kept_is_read_off_their_details():
    """The router buys the first ten, and keeps what is right of both; long is right on the first five."""

    def details(i):
        return {"expected_gain": 0.2, "bought": i < 10, "worth": 0.5 if i < 10 else 0.0, "price": 0.01}

    arms = (reader("rag", lambda i: i >= 5), reader("long", lambda i: i < 5, tokens=1000))
    given = study(*arms, reader("auto", lambda i: True, details=details))
    [scored], _ = scores(given)
    assert (scored.least, scored.has_price) == (0.01, True)
    assert priced(scored, 0.01).whole == 0.5
    assert priced(scored, 0.01).accuracy.value == given.overall["auto"].value == 1.0
    assert scored.long[:10].tolist() == [1.0] * 5 + [0.0] * 5

    older = study(*arms, reader("auto", lambda i: True, details=lambda i: {**details(i), "worth": None}))
    section = routing(older)
    assert [plot.name for plot in section.plots] == ["router-calibration"]
    assert "run the same command again" in section.texts[-1]


def test_calibration_by_hand():
    found = calibrated(SCORED)
    assert [(one.predicted, one.seen.value) for one in found] == [
        (pytest.approx(-0.3), -1.0),
        (pytest.approx(-0.1), -1.0),
        (pytest.approx(0.2), 0.0),
        (pytest.approx(0.5), 1.0),
    ]
    with style():
        assert calibration_plot([SCORED]).draw().axes


def test_scores_come_from_the_routers_details():
    def gain(i):
        return {"expected_gain": 0.1 if i < 10 else -0.1}

    arms = (reader("rag", lambda i: True), reader("long", lambda i: i < 10, tokens=1000))
    given = study(*arms, reader("auto", lambda i: None if i == 3 else True, details=gain))
    [scored], silent = scores(given)
    assert silent == []
    assert (len(scored.gains), scored.gains[0], scored.long_tokens[0]) == (20, 0.1, 1000)
    with style():
        assert price_plot(given, [scored]).draw().axes
    section = routing(given)
    assert section is not None
    assert [plot.name for plot in section.plots] == ["router-price", "router-calibration"]


def test_routers_of_which_none_is_told_apart_are_told_in_a_sentence():
    specs, parts = {}, []
    for model in ("m1", "m2"):
        rag, long = ({**spec, "llm": {"use": "hf", "model": model}} for spec in (RAG, LONG))
        specs |= {f"{model}/rag": rag, f"{model}/long": long}
        specs[f"{model}/auto"] = {"use": "learned", "rag": rag, "long": long}
        parts += [reader(f"{model}/{one}", lambda i: i % 2 == 0) for one in ("rag", "long", "auto")]
    run = StoredRun(Path("a-run"), ResultsTable(to_frame([one for part in parts for one in part])), specs)
    told = sentences(make_study(run))[2]
    assert "ahead for none, behind for none, and not told apart for 2 (m1, m2)." in told


def test_a_router_without_scores_is_named():
    arms = (reader("rag", lambda i: True), reader("long", lambda i: i < 10, tokens=1000))
    section = routing(study(*arms, reader("auto", lambda i: True)))
    assert section is not None
    assert not section.plots
    assert "No curve and no calibration for auto" in section.texts[1]


def test_the_questions_furthest_apart_with_evidence_in_colour():
    given = study(
        reader("rag", lambda i: i != 7, evidence=lambda i: [((AT, AT + 3), PASSAGE)], text="<b>rag</b>"),
        reader("long", lambda i: i != 12, text="long's"),
    )
    found = extremes(given)
    assert found is not None
    assert [block.title for block in found.blocks] == ["How much oil, 7?", "How much oil, 12?"]
    excerpts = {excerpt.name: excerpt.pieces for excerpt in found.blocks[0].excerpts}
    assert excerpts["long: right"][0].text == "long's"
    assert excerpts["rag: wrong"][0].text == "<b>rag</b>"
    [passage] = [pieces for name, pieces in excerpts.items() if name.startswith("rag, evidence 1")]
    assert [(p.text, p.state, p.gold) for p in passage] == [
        (TEXT[PASSAGE[0] : AT], "dropped", False),
        ("114", "kept", True),
        (TEXT[AT + 3 : PASSAGE[1]], "dropped", False),
    ]
    absent = extremes(study(reader("rag", lambda i: True), reader("long", lambda i: i > 3), dataset=None))
    assert absent is not None
    assert "they are elsewhere" in absent.texts[1]
    assert extremes(study(reader("rag", lambda i: True))) is None
    assert extremes(study(reader("rag", lambda i: True), reader("long", lambda i: True))) is None


def test_every_question_and_every_answer_is_in_the_grid():
    given = study(
        reader("rag", lambda i: None if i == 0 else i % 2 == 0, text="x" * 1000),
        reader("long", lambda i: True),
        reader("auto", lambda i: True),
    )
    routed = pl.when(pl.col("reader") == "auto").then(pl.lit("long")).otherwise(pl.col("route"))
    table = ResultsTable(given.run.frame.with_columns(route=routed))
    grid = questions(replace(given, run=replace(given.run, table=table))).grid
    assert grid is not None
    assert (len(grid.rows), sum(map(len, grid.details))) == (20, 60)
    assert grid.columns == ["question", "task", "length", "type", "gold answer", "rag", "long", "auto", "id"]
    assert grid.rows[0][5] is None  # failed
    assert grid.rows[1][5] == (0.0, "wrong")
    assert grid.details[0][0] == ("rag", "failed", None, 100, "EngineError: it broke")
    assert grid.details[0][2][-1] == "as long"
    assert "[... 700 characters ...]" in str(grid.details[1][0][-1])


def test_of_very_many_questions_the_grid_shows_some_and_says_so(monkeypatch):
    monkeypatch.setattr("rlc.experiments.report.sections.questions.MOST", 8)
    given = study(reader("rag", lambda i: True), reader("long", lambda i: True))
    grid = questions(given).grid
    assert grid is not None
    ids = given.examples["example_id"].to_list()
    assert [one[-1] for one in grid.rows] == [ids[i] for i in (0, 6, 12, 19)]
    assert [len(one) for one in grid.details] == [2, 2, 2, 2]
    assert grid.title.startswith("4 of 20 questions and 8 answers")
    assert "`rlc show` has every one" in grid.note


def test_wrong_answers_by_kind_count_every_wrong_answer_once():
    given = study(reader("rag", lambda i: i >= 6, evidence=hit), reader("long", lambda i: True))
    wrong = cells(failures(given).tables[1], "rag")
    # 0 and 1 are not answerable, the evidence of 3 and 5 was not found, that of 2 and 4 was.
    assert wrong == {
        "reader": "rag",
        "wrong": "6",
        "refused": "0",
        "made up": "2",
        "evidence missed": "2",
        "text cut": "0",
        "other": "2",
    }
    silent = study(reader("rag", lambda i: i >= 6, abstained=True))
    assert cells(failures(silent).tables[1], "rag")["refused"] == "6"


def test_metadata_that_is_no_number_has_no_place():
    odd = [{**one, "metadata": json.dumps({"context_order": "3b"})} for one in reader("rag", lambda i: True)]
    assert np.isnan(from_parts(study(odd))).all()


def by_models(models, right=lambda i: i < 10):
    """A study of the two arms of so many models, of which the first is right with long context alone."""
    names = {f"{model}/{arm}": spec for model in models for arm, spec in (("rag", RAG), ("long", LONG))}
    shares = {name: (lambda i, won=name == f"{models[0]}/long": True if won else right(i)) for name in names}
    rows = [one for name in names for one in reader(name, shares[name])]
    return make_study(
        StoredRun(Path("a-run"), ResultsTable(to_frame(rows)), names, {}, {"dataset": {"name": "mine"}})
    )


def test_many_models_have_a_line_each():
    found = answer(by_models(["a", "b", "c"]))
    [table] = found.tables
    first, second = cells(table, "a"), cells(table, "b")
    assert (first["rag, right"], first["long, right"], first["long minus rag, points"]) == (
        "50.0%",
        "100.0%",
        "+50.0",
    )
    assert (first["called"], second["called"]) == ("long", "not told apart")
    assert len(found.texts) == 3, "accuracy, cost, router: a paragraph each"
    assert answer(by_models(["a", "b"])).tables == []


def test_the_comparisons_of_the_correction_are_named():
    arms = [reader("rag", lambda i: i < 10), reader("long", lambda i: True)]
    assert "after Holm's correction over 1 comparison)" in sentences(study(*arms))[0]
    routed = sentences(study(*arms, reader("auto", lambda i: True)))[0]
    assert "after Holm's correction over 2 comparisons, long with rag and auto with long)" in routed


def test_the_best_of_many_arms_is_not_said_to_be_ahead_of_its_equals():
    arms = [reader("rag", lambda i: i < 10), reader("long", lambda i: i >= 10)]
    assert "which no arm exceeds; after" in sentences(study(*arms, reader("pruned", lambda i: i < 2)))[0]
    assert (
        "the highest share of the arms; after"
        in sentences(study(*arms, reader("pruned", lambda i: i > 2)))[0]
    )


def test_answers_without_gold_are_told_what_judges_them():
    ungraded = [
        [row(name, one, Answer("said", name), Score()) for one in EXAMPLES]
        for name in ("rag", "long", "auto")
    ]
    accuracy, _, router = sentences(study(*ungraded))
    assert accuracy.endswith("that takes gold answers, or `--judge ENGINE:MODEL --criteria without-gold`.")
    assert router.startswith("No question was judged of the router and both its arms")
    assert "takes gold" not in sentences(study(reader("rag", lambda i: None)))[0], "all failed"


def test_one_document_alone_allows_no_test():
    asked_once = [replace(one, document=Document(id="d", page_content=TEXT)) for one in EXAMPLES]
    parts = [
        [row(name, one, Answer("said", name), Score(correct=True)) for one in asked_once]
        for name in ("rag", "long", "auto")
    ]
    arms, _, router = sentences(study(*parts, dataset=None))
    assert arms.startswith("On the 20 questions about one document that both answered")
    assert router.endswith("is not tested against rag, the better arm: one document alone allows no test.")


def test_a_corrected_p_says_so_where_nothing_is_told_apart():
    arms = [reader("rag", lambda i: i < 14), reader("long", lambda i: i >= 9)]
    assert "after Holm's" not in sentences(study(*arms))[0], "one comparison corrects nothing"
    routed = sentences(study(*arms, reader("auto", lambda i: i % 3 > 0)))[0]
    assert "p = 0.75 after Holm's correction; a true difference" in routed
