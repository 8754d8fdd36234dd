"""`rlc show`: one question of a run whole, as a page for the terminal and for the browser."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from rlc.data.errors import DataError, RlcError, StoreError, UsageError, unknown
from rlc.data.protocols import Prompt
from rlc.data.records import Example, Step, evidence_in
from rlc.data.spec import Spec
from rlc.data.text.escape import escape_controls, shorten
from rlc.experiments.metrics.evidence import places, silver
from rlc.experiments.report.marks import Span, gold_excerpts, passages, plain
from rlc.experiments.report.records import Block, Excerpt, Report, Section
from rlc.experiments.report.render import render_html
from rlc.experiments.report.sections.costs import SECONDS, TOKENS
from rlc.experiments.runs.prompts import rebuild_prompts
from rlc.experiments.runs.results import ResultRow, evidence_of, steps_of, verdict
from rlc.experiments.runs.results_file import RESULTS, read_results
from rlc.experiments.runs.stored import StoredRun, nearest, open_run, run_folder
from rlc.experiments.scorers.measured import RULE
from rlc.pipeline.readers.support.talk import PROMPTED

FACTS = ("document_id", "task", "length", "type", "answerable")


def show_question(
    run: str,
    question: str,
    out: Path,
    readers: Sequence[str] = (),
    data_root: Path | None = None,
    characters: int = 2_000,
    prompts: bool = True,
) -> Report:
    """All about one question: gold answers and evidence; by reader verdict, answer, what was read, and cost.

    `rlc.experiments.report.terminal.lines` prints it, `write_page` makes it an HTML file.

    Args:
        run: The run's folder, or its name below `out`.
        question: The question's id, or a part of its id or its text that no other has.
        out: The folder of runs.
        readers: Show these only; none names all.
        data_root: Where the data set lies. Without it the evidence is looked up where the data set's name leads;
            where that fails, its spans are shown in place of its text.
        characters: Longer texts are shortened in the middle to about this many.
        prompts: Make the prompts again, for which retrieving readers index the document again.

    Raises:
        UsageError: if there is no such run, question or reader; the nearest names are told.
        DataError: if the run cannot be read, or `data_root` does not hold its documents.
    """
    stored = open_question(run, question, out)
    rows = _rows(stored, readers)
    example, note = _example(stored, rows, data_root)
    gold = gold_places(example)
    return Report(
        title=rows[0]["example_id"],
        banner=", ".join(f"{key} {rows[0][key]}" for key in FACTS if rows[0][key] is not None),
        loud=False,
        sections=[
            _question(rows[0], example, gold, note, characters),
            *(
                _reader(stored, row, place, example, gold, characters, prompts)
                for place, row in enumerate(rows)
            ),
        ],
    )


def write_page(page: Report, file: Path) -> None:
    """Write the page as one HTML file.

    Raises:
        StoreError: where it cannot be written.
    """
    try:
        file.write_text(render_html(page, {}), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error}; give another place with --html") from error


def open_question(run: str, question: str, out: Path) -> StoredRun:
    """Read a run with the rows of one question: its id, or a part of its id or its text that no other has.

    Raises:
        UsageError: if there is no such run or question; the nearest names are told.
        DataError: if the run cannot be read.
    """
    folder = run_folder(run, out)
    asked = read_results(folder / RESULTS, columns=("example_id", "question")).unique(maintain_order=True)
    example_id = find_id(question, dict(asked.iter_rows()), folder)
    return open_run(run, out, pl.col("example_id") == example_id)


def _rows(stored: StoredRun, readers: Sequence[str]) -> Sequence[ResultRow]:
    known = stored.table.readers
    for name in readers:
        if name not in known:
            raise UsageError(escape_controls(unknown("reader", name, known)))
    return stored.table.where(of=pl.col("reader").is_in(list(readers) or known)).to_dicts()


def find_id(question: str, texts: Mapping[str, str], folder: Path) -> str:
    """The id itself, or the one id of which, or of whose text, this is a part; `texts` are the questions by id."""
    parts = [one for one, text in texts.items() if question and (question in one or question in text)]
    holding = [question] if question in texts else parts
    if len(holding) == 1:
        return holding[0]
    if holding:
        shown = "".join(f"\n  {one}: {shorten(texts[one], 90)}" for one in holding[:3])
        said = f"{len(holding)} questions have {question!r} in their ids or texts; give more of it, or an id, such as"
        raise UsageError(f"{escape_controls(said)}{shown}")
    near = nearest(question, list(texts)) or ", ".join(list(texts)[:3])
    raise UsageError(
        escape_controls(
            f"no question {question!r} in {folder.name}; nearest: {near} "
            f"(all {len(texts)} ids: column example_id of {folder / 'results.parquet'})"
        )
    )


def _example(
    stored: StoredRun, rows: Sequence[ResultRow], data_root: Path | None
) -> tuple[Example | None, str]:
    """The example with its document, or why it is not at hand."""
    if not any(row["evidence"] or row["prompt_hash"] for row in rows):
        return None, ""
    try:
        examples = stored.dataset(data_root).examples
    except DataError as error:
        if data_root is not None:
            raise
        return None, str(error)
    return next(example for example in examples if example.id == rows[0]["example_id"]), ""


def gold_places(example: Example | None) -> Sequence[Span]:
    """Where the gold evidence stands in the document: as the data set marks it, else where the rule finds it."""
    if example is None or example.gold:
        return (
            [(one.start, one.end) for one in evidence_in(example.document_id, example.gold)]
            if example
            else ()
        )
    found = silver([example])
    return places(example.document.page_content, found[example.id]) if found else ()


def _question(
    row: ResultRow, example: Example | None, gold: Sequence[Span], note: str, characters: int
) -> Section:
    excerpts = [plain("question", row["question"], characters)]
    excerpts += [plain("gold answer", answer, characters) for answer in row["answers"] or ("none",)]
    if example:
        excerpts += gold_excerpts(example.document.page_content, gold)
    texts = [f"evidence is shown by its spans, and no prompt: {note}"] if note else []
    return Section("question", "Question", texts, blocks=(Block("", excerpts),))


def _reader(
    stored: StoredRun,
    row: ResultRow,
    place: int,
    example: Example | None,
    gold: Sequence[Span],
    characters: int,
    prompts: bool,
) -> Section:
    label = stored.labels.get(row["reader"], row["reader"])
    excerpts = list(excerpts_of(row, example, gold, characters))
    if prompts and example and row["prompt_hash"] and row["route"] == row["reader"]:
        excerpts += _asked(row, stored.specs[row["reader"]], example, characters)
    else:
        steps = steps_of(row["steps"])
        excerpts += [plain(f"round {one.round + 1}: {one.name}", _step(one), characters) for one in steps]
    return Section(f"reader-{place}", f"{label}: {verdict_on(row)}", blocks=(Block("", excerpts),))


def excerpts_of(
    row: ResultRow, example: Example | None, gold: Sequence[Span], characters: int
) -> Iterator[Excerpt]:
    """An answer, what was read for it, and what it cost; who answered stands first where that is another reader."""
    if row["route"] != row["reader"]:
        yield plain("answered by", row["route"])
    failed = row["error"] is not None
    yield plain("error" if failed else "answer", row["error"] if failed else row["prediction"], characters)
    text = example.document.page_content if example else None
    yield from passages(evidence_of(row["evidence"]), row["document_id"], text, gold, characters)
    yield plain("tokens", _figures(row, TOKENS, "{:,.0f}"))
    yield plain("seconds", _figures(row, SECONDS, "{:.3f}") or "not timed")
    yield plain(
        "finished by", f"{row['finish_reason'] or 'unknown'}; prompt hash: {row['prompt_hash'] or 'none'}"
    )
    details = json.loads(row["details"] or "{}")
    if details:
        yield plain("details", json.dumps(details, ensure_ascii=False), characters)


def verdict_on(row: ResultRow) -> str:
    """The verdict on an answer, and why."""
    f1 = "" if row["f1"] is None else f", F1 {row['f1']:.2f}"
    said = f": {row['note']}" if row["note"] else ""
    measure = "" if row["measure"] == RULE else f"by {row['measure']}{said}; rule judge: "
    return f"{verdict(row['value'])} ({measure}{row['reason']}{f1})"


def _asked(row: ResultRow, spec: Spec, example: Example, characters: int) -> Iterator[Excerpt]:
    """The prompts, shortened, made again and recognised by their hashes; of a strategy with what came of each."""
    steps = steps_of(row["steps"])
    try:
        prompts = rebuild_prompts(spec, example, steps)
    except RlcError as error:
        yield plain("prompt", f"cannot be made again here: {error}")
        prompts = None
    for step in steps:
        yield plain(f"round {step.round + 1}: {step.name}", _step(step), characters)
        if prompts is not None and step.kind in PROMPTED:
            yield from _prompt(prompts.get(step.prompt_hash), characters)
    if not steps and prompts is not None:
        yield from _prompt(prompts.get(row["prompt_hash"]), characters)


def _prompt(prompt: Prompt | None, characters: int) -> Iterator[Excerpt]:
    if prompt is None:
        yield plain("prompt", "what is made now has another hash; was the run made by another version?")
        return
    if prompt.system:
        yield plain("system", prompt.system, characters)
    yield plain("prompt", prompt.text, characters)


def _step(step: Step) -> str:
    """What a step came to, and what it cost."""
    usage = step.usage
    cost = ", ".join(
        f"{value:,} {name}"
        for name, value in (
            ("prompt tokens", usage.prompt_tokens),
            ("of them cached", usage.cached_tokens),
            ("new", usage.output_tokens),
            ("to prepare the document", usage.index_tokens),
        )
        if value
    )
    found = f" ({len(step.evidence)} found)" if step.kind == "search" else ""
    return f"{step.error or step.text}{found}{f' [{cost}]' if cost else ''}"


def _figures(row: ResultRow, names: Mapping[str, str], form: str) -> str:
    return ", ".join(f"{name} {form.format(row[column])}" for column, name in names.items() if row[column])
