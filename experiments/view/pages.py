"""What stands on each page: from runs and an address to a template's values. Nothing here knows of HTTP."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from rlc.data.errors import DataError, UsageError, unknown
from rlc.data.records import evidence_in
from rlc.data.text.escape import shorten
from rlc.experiments.report.cells import count, name, number, percent, percent_text
from rlc.experiments.report.figures.pricing import PRICES, curve
from rlc.experiments.report.pages.question import excerpts_of, gold_places, verdict_on
from rlc.experiments.report.records import Plot, Section, Table
from rlc.experiments.report.sections.answer import answer
from rlc.experiments.report.sections.compared import compared
from rlc.experiments.report.sections.costs import costs
from rlc.experiments.report.sections.differences import differences
from rlc.experiments.report.sections.failures import failures
from rlc.experiments.report.sections.frontier import frontier
from rlc.experiments.report.sections.origin import origin
from rlc.experiments.report.sections.retrieved import retrieved
from rlc.experiments.report.sections.routing import routing, why_no_price
from rlc.experiments.report.sections.slices import by_groups, slices
from rlc.experiments.report.tables import FORMATS, paper_table
from rlc.experiments.runs.human import WORDS, HumanVerdict, Verdicts, read_verdicts
from rlc.experiments.runs.listing import Listed
from rlc.experiments.runs.results import evidence_of, verdict
from rlc.experiments.runs.summary import mean_seconds
from rlc.experiments.statistics.intervals import Estimate
from rlc.experiments.study.readers import ReaderInfo, readers_of
from rlc.experiments.study.router_scores import scores
from rlc.experiments.study.study import OF_QUESTION, Study
from rlc.experiments.view.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart
from rlc.experiments.view.document import stretch
from rlc.experiments.view.questions import PAGE, VERDICTS, Wanted, find, readers_wanted
from rlc.experiments.view.shelf import Shelf
from rlc.experiments.view.whatif import BUDGETS, WhatIf, what_if

Address = Mapping[str, str]
Values = dict[str, Any]

LONGEST = 4_000  # characters of an answer or a passage
SHORT = 160  # of a question or an answer in a table


def paper(study: Study) -> Section:
    """The paper's table alone."""
    return Section("paper", "The paper's table", tables=(paper_table(study),))


# The report's sections, as tabs: the word in the address, its title, and what makes it.
SECTIONS: Mapping[str, tuple[str, Callable[[Study], Section | None]]] = {
    "answer": ("The answer", answer),
    "groups": ("Task and length", by_groups),
    "differences": ("Differences", differences),
    "cost-accuracy": ("Cost and accuracy", frontier),
    "costs": ("Cost", costs),
    "routers": ("Routers", routing),
    "retrieved": ("Retrieval", retrieved),
    "failures": ("Failures", failures),
    "compared": ("Settings", compared),
    "provenance": ("Provenance", origin),
    "paper": ("Paper's table", paper),
}


def runs_page(shelf: Shelf, address: Address) -> Values:
    """The runs, filtered by data set, model, reader, state and a word in their names."""
    rows = [(run, readers_of(list(run.specs), run.specs, {})) for run in shelf.runs()]
    filters: Mapping[str, Callable[[Listed, Sequence[ReaderInfo]], set[str]]] = {
        "data": lambda run, _: {str(run.data.get("name"))},
        "model": lambda _, readers: {model for one in readers for model in one.models},
        "reader": lambda _, readers: {one.short for one in readers},
        "state": lambda run, _: {run.state},
    }
    shown = [
        (run, readers)
        for run, readers in rows
        if all(not address.get(key) or address[key] in of(run, readers) for key, of in filters.items())
        and address.get("text", "").lower() in f"{run.name} {run.id}".lower()
    ]
    return {
        "runs": [(run, _headline(run)) for run, _ in shown],
        "total": len(rows),
        "out": str(shelf.out),
        "choices": {
            key: sorted(set().union(*(of(run, readers) for run, readers in rows if not run.broken)))
            for key, of in filters.items()
        },
        "address": address,
    }


def _headline(run: Listed) -> list[tuple[str, Any]]:
    """By reader, what it got right, with the interval."""
    return [
        (one["reader"], percent(Estimate(found["value"], found.get("low"), found.get("high"), found["n"], 0)))
        for one in run.summaries
        for found in [one["accuracy"]]
    ]


def state_page(shelf: Shelf, run: Listed, _address: Address) -> Values:
    """How far a run is, alone: a page whose figures take long asks for no more while it goes on."""
    return _head(shelf, run, "state")


def run_page(shelf: Shelf, run: Listed, _address: Address) -> Values:
    """A run's arms: right answers overall and by task, and what they cost."""
    return {**_head(shelf, run, "arms"), "table": _arms(shelf, run), "formats": FORMATS}


def _arms(shelf: Shelf, run: Listed) -> Table:
    return shelf.made(run, "arms", arms_table, documents=False)


def arms_table(study: Study) -> Table:
    """A row a reader, with the report's own figures."""
    tasks = slices(study, "task")
    shown = tasks if len(tasks) > 1 else {}
    seconds = {one.name: mean_seconds(study.answered(one, "seconds")["seconds"]) for one in study.readers}
    timed = ("seconds",) if any(seconds.values()) else ()
    rows = [
        (
            name(one.label),
            percent(study.overall[one.name]),
            *(percent(study.accuracy(one, mask)) for mask in shown.values()),
            number(study.tokens[one.name].value),
            *(number(seconds[one.name], 2) for _ in timed),
            count(study.failed(one)),
        )
        for one in study.readers
    ]
    return Table("Arms", ("reader", "right", *shown, "prompt tokens", *timed, "failed"), rows)


def section_page(shelf: Shelf, run: Listed, section: str) -> Values:
    """One section of the report."""
    return {**_head(shelf, run, section), "section": section_of(shelf, run, section), "formats": FORMATS}


def section_of(shelf: Shelf, run: Listed, key: str) -> Section | None:
    """A section of the report, made once for as long as the run's rows stay as they are.

    Raises:
        UsageError: if there is no such section.
    """
    if key not in SECTIONS:
        raise UsageError(unknown("section", key, SECTIONS))
    return shelf.made(run, key, SECTIONS[key][1])


def table_of(shelf: Shelf, run: Listed, key: str, place: int) -> Table:
    """A table of a page, to be exported.

    Raises:
        UsageError: if there is none there.
    """
    section = None if key == "arms" else section_of(shelf, run, key)
    tables = [_arms(shelf, run)] if key == "arms" else section.tables if section else ()
    if not 0 <= place < len(tables):
        raise UsageError(f"no table {place} on {key!r}: it has {len(tables)}")
    return tables[place]


def plot_of(shelf: Shelf, run: Listed, key: str, wanted: str) -> Plot:
    """A plot of a page, to be exported.

    Raises:
        UsageError: if there is none there.
    """
    section = section_of(shelf, run, key)
    plots = {plot.name: plot for plot in (section.plots if section else ())}
    if wanted not in plots:
        raise UsageError(unknown("plot", wanted, plots))
    return plots[wanted]


def questions_page(shelf: Shelf, run: Listed, address: Address) -> Values:
    """The questions that are asked for, so many at a time, with every reader's verdict."""
    study, wanted = shelf.study(run), Wanted.of(address)
    found, readers = find(study, wanted), readers_wanted(study, wanted)
    places = found[PAGE * (wanted.page - 1) : PAGE * wanted.page]
    asked = study.asked_in("example_id", "question", "task", "length", "answers", places=places).rows(
        named=True
    )
    human, broken = _human(run)
    words = [_words(study, one, [row["example_id"] for row in asked]) for one in readers]
    rows = [
        {
            **row,
            "question": shorten(row["question"], SHORT),
            "gold": shorten(" / ".join(row["answers"]), SHORT),
            "verdicts": [
                (said.get(row["example_id"], ""), (row["example_id"], one.name) in human)
                for one, said in zip(readers, words, strict=True)
            ],
        }
        for row in asked
    ]
    return {
        **_head(shelf, run, "questions"),
        "wanted": wanted,
        "readers": readers,
        "broken_verdicts": broken,
        "rows": rows,
        "found": len(found),
        "first": PAGE * (wanted.page - 1),
        "pages": -(-len(found) // PAGE),
        "choices": {
            "verdict": VERDICTS,
            "task": ["", *slices(study, "task")],
            "length": ["", *(value for value in slices(study, "length") if value != "unknown")],
            "model": ["", *(study.groups if len(study.groups) > 1 else ())],
        },
    }


def _words(study: Study, reader: ReaderInfo, ids: list[str]) -> dict[str, str]:
    """By question, the reader's verdict in a word."""
    rows = study.rows(reader, "example_id", "error", "value").filter(pl.col("example_id").is_in(ids))
    return {id_: "failed" if error is not None else verdict(value) for id_, error, value in rows.iter_rows()}


def question_page(shelf: Shelf, run: Listed, address: Address) -> Values:
    """One question: what every reader answered, what it read of the document, and what a person says of it.

    Raises:
        UsageError: if there is no such question.
    """
    study, wanted = shelf.study(run), Wanted.of(address)
    id_ = address.get("id", "")
    if id_ not in study.places:
        raise UsageError(f"no question {id_!r} in {run.id}")
    example, absence = shelf.example(run, id_)
    gold = gold_places(example)
    human, broken = _human(run)
    cards: list[Values] = [
        {
            "reader": one,
            "row": row,
            "word": "failed" if row["error"] is not None else verdict(row["value"]),
            "why": verdict_on(row),
            "excerpts": list(excerpts_of(row, example, gold, LONGEST)),
            "human": human.get((id_, one.name), HumanVerdict("")),
            "reads": bool(evidence_in(row["document_id"], evidence_of(row["evidence"]))),
        }
        for rows in [study.on(id_)[id_]]
        for one in readers_wanted(study, wanted)
        if (row := rows.get(one.name)) is not None
    ]
    read = address.get("read", "")
    chosen = next((card["row"] for card in cards if card["reader"].name == read), None)
    spans = [
        (one.start, one.end)
        for one in (evidence_in(chosen["document_id"], evidence_of(chosen["evidence"])) if chosen else ())
    ]
    at = address.get("at", "")
    found = find(study, wanted)
    place = found.index(study.places[id_]) if study.places[id_] in found else None
    ids = study.examples["example_id"]
    return {
        **_head(shelf, run, "questions"),
        "wanted": wanted,
        "id": id_,
        "example": study.asked_in(
            *OF_QUESTION, "question", "answers", "metadata", places=[study.places[id_]]
        ).row(0, named=True),
        "broken_verdicts": broken,
        "cards": cards,
        "words": WORDS,
        "read": read if chosen else "",
        "absence": absence,
        "stretch": stretch(text := example.document.page_content, gold, spans, _step(at, len(text), 0))
        if example
        else None,
        "has_gold": bool(gold),
        "place": place,
        "found": len(found),
        "before": ids[found[place - 1]] if place else None,
        "after": ids[found[place + 1]] if place is not None and place + 1 < len(found) else None,
    }


def _human(run: Listed) -> tuple[Verdicts, str]:
    """The human verdicts on a run's answers; none where they cannot be read, and why."""
    try:
        return read_verdicts(run.folder), ""
    except DataError as error:
        return {}, str(error)


def router_page(shelf: Shelf, run: Listed, address: Address) -> Values:
    """What each router would have done at this price, within this budget."""
    found, _ = shelf.made(run, "scores", scores, documents=False)
    scored = [one for one in found if one.has_price]
    known = [one.name for one in scored]
    router = address.get("router", "") if address.get("router") in known else known[0] if known else ""
    step = _step(address.get("price", ""), len(PRICES), 0)
    budget = BUDGETS[_step(address.get("budget", ""), len(BUDGETS), len(BUDGETS) - 1)]
    dollars = _dollars(address.get("dollars", ""))
    values = {
        **_head(shelf, run, "what-if"),
        "routers": known,
        "why": why_no_price(found) if len(scored) < len(found) else "",
        "router": router,
        "step": step,
        "steps": len(PRICES) - 1,
        "price": _points(PRICES[step]),
        "budget": budget,
        "budgets": BUDGETS,
        "dollars": address.get("dollars", "") if dollars is not None else "",
    }
    if router:
        chosen = scored[known.index(router)]
        points = shelf.made(run, f"curve/{router}", lambda _: curve(chosen), documents=False)
        one = what_if(chosen, PRICES[step], budget / 100, points)
        values |= {
            "chart": chart(points, one.found, one.rag, one.long),
            "frame": (WIDTH, HEIGHT, LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM),
            "points": _points,
            "within": one.within,
            "whole": percent_text(one.found.whole),
            "share": percent_text(one.share),
            "taken": _points(one.found.price),
            "table": what_if_table(router, one, dollars),
        }
    return values


def what_if_table(router: str, one: WhatIf, dollars: float | None) -> Table:
    """The router beside both arms and the oracle."""
    shown = {router: one.found, "always long context": one.long, "always retrieval": one.rag}
    rows = [
        (
            name(label),
            percent(found.accuracy)._replace(strong=label == router),
            number(found.tokens),
            *([] if dollars is None else [number(found.tokens * dollars / 1000, 2)]),
        )
        for label, found in shown.items()
    ]
    rows.append((name("oracle"), percent(one.oracle), *[name("")] * (1 + (dollars is not None))))
    money = () if dollars is None else ("$ for 1,000 questions",)
    return Table("What would have come of it", ("", "right", "prompt tokens a question", *money), rows)


def _points(price: float) -> str:
    """A price in points of accuracy per 1,000 extra tokens."""
    return "any number of" if np.isinf(price) else f"{100 * price:.3g}"


def _step(text: str, count_: int, default: int) -> int:
    return min(int(text), count_ - 1) if text.isascii() and text.isdecimal() and len(text) < 9 else default


def _dollars(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e6 else None


def _head(shelf: Shelf, run: Listed, here: str) -> Values:
    """What stands above every page of a run: its name, state and tabs.

    Raises:
        DataError: if the run's rows or its small files cannot be read.
    """
    study = shelf.study(run)
    if run.broken:
        raise DataError(
            f"{run.id} cannot be read ({run.broken}); run the same `rlc compare` again to write it anew"
        )
    asked = run.data.get("examples", 0) * len(run.specs)
    return {
        "run": run,
        "here": here,
        "state": run.state,
        "answered": study.run.table.height,
        "asked": asked,
        "tabs": {key: title for key, (title, _) in SECTIONS.items()},
    }
