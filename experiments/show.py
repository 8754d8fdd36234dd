"""`rlc show`: one question of a run whole, as lines of text that cannot steer a terminal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rlc.data.errors import DataError, RlcError, UsageError, unknown
from rlc.data.records import Example
from rlc.data.spec import Spec
from rlc.experiments.rebuild import rebuild_prompts
from rlc.experiments.runs import StoredRun, nearest, open_run
from rlc.experiments.visible import shorten, visible

TOKENS = {
    "prompt_tokens": "prompt",
    "cached_tokens": "cached",
    "output_tokens": "output",
    "cut_tokens": "cut from the text",
    "index_tokens": "for the index",
}
SECONDS = {
    "index_seconds": "index",
    "retrieve_seconds": "retrieve",
    "queue_seconds": "wait",
    "prefill_seconds": "prefill",
    "decode_seconds": "decode",
    "first_token_seconds": "to the first token",
    "seconds": "in all",
}
FACTS = ("document_id", "task", "length", "type", "answerable")
INDENT = "    "

Row = Mapping[str, Any]


def show_question(
    run: str,
    question: str,
    out: Path,
    readers: Sequence[str] = (),
    data_root: Path | None = None,
    characters: int = 2_000,
) -> Iterator[str]:
    """The lines that tell all about one question: gold answers; by reader verdict, answer, evidence and cost.

    Args:
        run: The run's folder, or its name below `out`.
        question: The question's id, or a part of it that no other has.
        out: The folder of runs.
        readers: Show these only; none names all.
        data_root: Where the data set lies. Without it the evidence is looked up where the data set's name leads;
            where that fails, its spans are shown in place of its text.
        characters: Longer texts are shortened in the middle to about this many.

    Raises:
        UsageError: if there is no such run, question or reader; the nearest names are told.
        DataError: if the run cannot be read, or `data_root` does not hold its documents.
    """
    stored = open_run(run, out)
    rows = _rows(stored, question, readers)
    example, note = _example(stored, rows, data_root)
    yield from map(visible, _lines(stored, rows, example, note, characters))


def _rows(stored: StoredRun, question: str, readers: Sequence[str]) -> Sequence[Row]:
    known = stored.frame["reader"].unique(maintain_order=True).to_list()
    for name in readers:
        if name not in known:
            raise UsageError(visible(unknown("reader", name, known)))
    ids = stored.frame["example_id"].unique(maintain_order=True).to_list()
    example_id = find_id(question, ids, stored.folder)
    frame = stored.frame.filter(pl.col("example_id") == example_id)
    return frame.filter(pl.col("reader").is_in(list(readers) or known)).to_dicts()


def find_id(question: str, ids: list[str], folder: Path) -> str:
    """The id itself, or the one id of which this is a part."""
    holding = [question] if question in ids else [one for one in ids if question and question in one]
    if len(holding) == 1:
        return holding[0]
    if holding:
        said = f"{len(holding)} questions have {question!r} in their ids, such as {', '.join(holding[:3])}"
        raise UsageError(visible(f"{said}; give more of the id"))
    near = nearest(question, ids) or ", ".join(ids[:3])
    raise UsageError(
        visible(
            f"no question {question!r} in {folder.name}; nearest: {near} "
            f"(all {len(ids)} ids: column example_id of {folder / 'results.parquet'})"
        )
    )


def _example(stored: StoredRun, rows: Sequence[Row], data_root: Path | None) -> tuple[Example | None, str]:
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


def _lines(
    stored: StoredRun, rows: Sequence[Row], example: Example | None, note: str, characters: int
) -> Iterator[str]:
    first = rows[0]
    yield first["example_id"]
    yield ", ".join(f"{key} {first[key]}" for key in FACTS if first[key] is not None)
    yield from _text("question", first["question"], characters)
    for answer in first["answers"]:
        yield from _text("gold answer", answer, characters)
    if not first["answers"]:
        yield "gold answer: none"
    for row in rows:
        yield ""
        yield from _reader(row, stored.labels.get(row["reader"], row["reader"]), example, characters)
        if example and row["prompt_hash"] and row["route"] == row["reader"]:
            yield from _prompt(row, stored.specs[row["reader"]], example, characters)
    if note:
        yield ""
        yield f"evidence is shown by its spans, and no prompt: {note}"


def _reader(row: Row, label: str, example: Example | None, characters: int) -> Iterator[str]:
    yield f"== {label}: {_verdict(row)}"
    if row["route"] != row["reader"]:
        yield f"answered by: {row['route']}"
    if row["error"] is not None:
        yield from _text("error", row["error"], characters)
    else:
        yield from _text("answer", row["prediction"], characters)
    for rank, passage in enumerate(row["evidence"], start=1):
        yield from _passage(row, rank, passage, example, characters)
    yield f"tokens: {_figures(row, TOKENS, '{:,.0f}')}"
    yield f"seconds: {_figures(row, SECONDS, '{:.3f}') or 'not timed'}"
    yield f"finished by: {row['finish_reason'] or 'unknown'}; prompt hash: {row['prompt_hash'] or 'none'}"
    details = json.loads(row["details"] or "{}")
    if details:
        yield from _text("details", json.dumps(details, ensure_ascii=False), characters)


def _verdict(row: Row) -> str:
    verdict = {True: "right", False: "wrong", None: "no verdict"}[row["correct"]]
    f1 = "" if row["f1"] is None else f", F1 {row['f1']:.2f}"
    return f"{verdict} ({row['reason']}{f1})"


def _prompt(row: Row, spec: Spec, example: Example, characters: int) -> Iterator[str]:
    """The prompt, shortened, made again and recognised by its hash."""
    try:
        prompts = rebuild_prompts(spec, example)
    except RlcError as error:
        yield f"prompt: cannot be made again here: {error}"
        return
    prompt = prompts.get(row["prompt_hash"])
    if prompt is None:
        yield "prompt: what is made now has another hash; was the run made by another version?"
        return
    yield from _text("system", prompt.system, characters)
    yield from _text("prompt", prompt.prefix + prompt.question, characters)


def _passage(row: Row, rank: int, passage: Row, example: Example | None, characters: int) -> Iterator[str]:
    score = "" if passage["score"] is None else f", score {passage['score']:.4g}"
    place = f"evidence {rank}, characters {passage['start']:,} to {passage['end']:,}{score}"
    if example is None or passage["document_id"] != row["document_id"]:
        yield f"{place} of {passage['document_id']}"
    else:
        text = example.document.page_content
        yield from _text(place, text[passage["start"] : passage["end"]], characters)


def _figures(row: Row, names: Mapping[str, str], form: str) -> str:
    return ", ".join(f"{name} {form.format(row[column])}" for column, name in names.items() if row[column])


def _text(name: str, text: str, characters: int) -> Iterator[str]:
    """A named text: behind its name if it is one short line, else indented below."""
    shown = shorten(text, characters)
    lines = shown.splitlines() or [""]
    if len(lines) == 1 and len(shown) <= 80:
        yield f"{name}: {shown}"
    else:
        yield f"{name}:"
        yield from (f"{INDENT}{line}" for line in lines)
