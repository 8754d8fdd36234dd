"""The results table: one row per reader and example, always; its columns."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from numbers import Integral, Real
from typing import Any

import polars as pl

from rlc.data.errors import DataError
from rlc.data.records import Answer, Evidence, Example, Step, Usage, pages_of
from rlc.data.store import FIELDS, step_of
from rlc.data.text.escape import shorten
from rlc.experiments.runs.made_of import made_of
from rlc.experiments.scorers.base import Score

EVIDENCE = pl.List(
    pl.Struct(
        {
            "document_id": pl.String,
            "start": pl.Int64,
            "end": pl.Int64,
            "score": pl.Float64,
            "passage": pl.List(pl.Int64),
            "pages": pl.List(pl.Int64),
        }
    )
)
# column: (type, meaning)
COLUMNS: dict[str, tuple[Any, str]] = {
    "reader": (pl.String, "the arm or router, as the recipe names it"),
    "example_id": (pl.String, "the question's id"),
    "document_id": (pl.String, "the document that it is about"),
    "task": (pl.String, "location, reasoning, comp, hallu, or a user's own"),
    "length": (pl.String, "the data set's length group, such as 32k"),
    "type": (pl.String, "the data set's text type, such as book"),
    "question": (pl.String, "the question"),
    "answers": (pl.List(pl.String), "accepted gold answers; empty where there are none"),
    "answerable": (pl.Boolean, "whether the document holds the answer; null where unknown"),
    "prediction": (pl.String, "what the reader answered; empty where it failed"),
    "route": (pl.String, "the arm whose text this is"),
    "correct": (pl.Boolean, "the rules' verdict; null where the answer failed or there is no gold answer"),
    "reason": (pl.String, "the rule that decided the verdict"),
    "measure": (pl.String, "whose figure `value` is: a data set's scorer, rule, or the judge of --judge"),
    "value": (
        pl.Float64,
        "that figure, 0 to 1: what tables average; null where the answer failed or there is no gold",
    ),
    "parts": (pl.String, "what the scorer says beside it, as JSON"),
    "note": (
        pl.String,
        "unparsed where the authors' code finds nothing to score or would crash; what the judge of --judge said, or not "
        "judged and why; else empty",
    ),
    "f1": (pl.Float64, "token F1 against the best gold answer, 0 to 1 (SQuAD normalisation)"),
    "contains": (pl.Boolean, "whether a normalised gold answer stands in the answer"),
    "abstained": (pl.Boolean, "whether the answer says that the text does not tell"),
    "prompt_tokens": (pl.Int64, "tokens that the model was given, by its own tokenizer"),
    "cached_tokens": (pl.Int64, "those of them that were not computed again"),
    "cache_write_tokens": (pl.Int64, "those of them that a provider was paid to keep for later questions"),
    "output_tokens": (pl.Int64, "new tokens"),
    "thought_tokens": (pl.Int64, "those of them that were thought aloud, before the answer"),
    "cut_tokens": (pl.Int64, "tokens of the text that did not fit and were left out"),
    "index_tokens": (pl.Int64, "model tokens spent on preparing the document"),
    "calls": (pl.Int64, "what a language model was asked; 0 where nobody counted"),
    "rounds": (pl.Int64, "how many of the calls had to wait for one another"),
    "kv_bytes": (
        pl.Int64,
        "bytes of the keys and values that the answer was read from; 0 where the engine does not say",
    ),
    "index_seconds": (pl.Float64, "cutting and indexing the document, on its first question"),
    "retrieve_seconds": (pl.Float64, "finding and refining the evidence"),
    "queue_seconds": (pl.Float64, "waiting for the engine"),
    "first_token_seconds": (
        pl.Float64,
        "from the call to the answer's first token, all that came before included; null where nobody timed it",
    ),
    "prefill_seconds": (pl.Float64, "computing the prompt"),
    "decode_seconds": (pl.Float64, "computing the answer"),
    "seconds": (
        pl.Float64,
        "all of it; of prompts answered side by side, this one's share of their time",
    ),
    "latency_seconds": (
        pl.Float64,
        "from the call to the last token, retrieval included; null where that is `seconds`",
    ),
    "finish_reason": (pl.String, "stop, length or error"),
    "prompt_hash": (pl.String, "identifies the exact prompt"),
    "error": (pl.String, "why there is no answer; null where there is one"),
    "evidence": (
        EVIDENCE,
        "text that was read: half-open character spans of the document, the passages that they were pruned from, "
        "and of a PDF the first and the last page (from 1)",
    ),
    "details": (pl.String, "what the strategy kept beside the answer, as JSON"),
    "steps": (pl.String, "what a reader that asks more than once asked, found and was told, as JSON"),
    "metadata": (pl.String, "the example's own metadata, as JSON"),
    "made_of": (
        pl.Int64,
        "a digest of question, gold answers, stored answer and code, by which the same comparison again knows that the row "
        "stands; null where it must be made anew",
    ),
}
SCHEMA = {name: kind for name, (kind, _) in COLUMNS.items()}
ResultRow = Mapping[str, Any]  # a row of the results, by column
OF_USAGE = [name for name in SCHEMA if name in FIELDS[Usage]]
LARGEST = 2**63  # what a column of whole numbers can hold


def row(reader: str, example: Example, answer: Answer, score: Score) -> dict[str, Any]:
    """Make the row of one reader's answer to one example.

    Raises:
        DataError: if a figure of the answer has no place in the table, such as a count that is negative or endless.
    """
    usage = {name: getattr(answer.usage, name) for name in OF_USAGE}
    for name, value in usage.items():
        if value is None and name in ("first_token_seconds", "latency_seconds"):  # nobody timed it
            continue
        _check(name, value, whole=SCHEMA[name] == pl.Int64)
    for piece in answer.evidence:
        for place in (piece.start, piece.end, *(piece.passage or ())):
            _check("a place of the evidence", place, whole=True)
    return {
        "reader": reader,
        "example_id": example.id,
        "document_id": example.document_id,
        "task": example.task,
        "length": _text(example.metadata.get("length")),
        "type": _text(example.metadata.get("type")),
        "question": example.question,
        "answers": list(example.answers),
        "answerable": example.answerable,
        "prediction": whole_characters(answer.text),
        "route": answer.route or reader,
        "correct": score.correct,
        "reason": score.reason,
        "measure": score.measure,
        "value": score.value,
        "parts": json.dumps(dict(score.parts), sort_keys=True) if score.parts else "{}",
        "note": score.note,
        "f1": score.f1,
        "contains": score.contains,
        "abstained": score.abstained,
        **usage,
        "finish_reason": answer.finish_reason,
        "prompt_hash": answer.prompt_hash,
        "error": answer.error and whole_characters(answer.error),
        "evidence": [asdict(_on_pages(piece, example)) for piece in answer.evidence],
        "details": whole_characters(json.dumps(dict(answer.details), sort_keys=True, ensure_ascii=False))
        if answer.details
        else "{}",
        "steps": whole_characters(json.dumps([asdict(step) for step in answer.steps], ensure_ascii=False))
        if answer.steps
        else "[]",
        "metadata": json.dumps(dict(example.metadata), sort_keys=True, ensure_ascii=False, default=str),
        "made_of": made_of(reader, example, score.measure, answer.seal),
    }


def _on_pages(piece: Evidence, example: Example) -> Evidence:
    """The piece with its pages, which readers that choose their own spans leave out."""
    if piece.pages or piece.document_id != example.document_id:
        return piece
    return replace(piece, pages=pages_of(example.document.metadata, piece.start, piece.end))


def _check(name: str, value: object, *, whole: bool) -> None:
    # The plain types stand first: what is of them is not asked for the abstract ones, which takes twenty times as long.
    if (
        not isinstance(value, (int, Integral) if whole else (float, int, Real))
        or not 0 <= float(value) < LARGEST
    ):
        raise DataError(f"{name} must be a number from 0 to 2^63, got {shorten(repr(value), 40)}")


def whole_characters(text: str) -> str:
    """The text with halves of surrogate pairs, which no file can hold, as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def reader_runs(frame: pl.DataFrame) -> list[tuple[str, int, int]]:
    """The readers in their order, each with where rows of its own begin and how many stand together."""
    runs = frame["reader"].rle().struct.unnest()
    starts = runs["len"].cum_sum() - runs["len"]
    return list(zip(runs["value"], starts, runs["len"], strict=True))


def evidence_of(items: Iterable[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """The evidence of a row, as records."""
    pairs = ("passage", "pages")
    return tuple(
        Evidence(**{**item, **{name: item[name] and tuple(item[name]) for name in pairs}}) for item in items
    )


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps of a row, as records."""
    return tuple(map(step_of, json.loads(text or "[]")))


def verdict(value: float | None) -> str:
    """A figure in a word: right, wrong, not judged, or its share of the full mark."""
    if value is None:
        return "not judged"
    return {1.0: "right", 0.0: "wrong"}.get(value, f"{100 * value:.0f}%")


def to_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the documented schema."""
    return pl.DataFrame(rows, schema=SCHEMA)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
