"""The results table: one row per reader and example, always; its columns and its file."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import polars as pl

from rlc.data.errors import DataError
from rlc.data.records import Answer, Evidence, Example
from rlc.data.text.escape import shorten
from rlc.experiments.runs.kept import MEND, digest, write_whole
from rlc.experiments.scorers.base import Score

EVIDENCE = pl.List(
    pl.Struct(
        {
            "document_id": pl.String,
            "start": pl.Int64,
            "end": pl.Int64,
            "score": pl.Float64,
            "passage": pl.List(pl.Int64),
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
    "correct": (pl.Boolean, "the judge's verdict; null where the answer failed or there is no gold answer"),
    "reason": (pl.String, "the rule that decided the verdict"),
    "measure": (pl.String, "the scorer whose figure `value` is: a data set's own, or rule"),
    "value": (
        pl.Float64,
        "that figure, 0 to 1: what tables average; null where the answer failed or there is no gold",
    ),
    "parts": (pl.String, "what the scorer says beside it, as JSON"),
    "note": (pl.String, "unparsed where the authors' code finds nothing to score or would crash; else empty"),
    "f1": (pl.Float64, "token F1 against the best gold answer, 0 to 1 (SQuAD normalisation)"),
    "contains": (pl.Boolean, "whether a normalised gold answer stands in the answer"),
    "abstained": (pl.Boolean, "whether the answer says that the text does not tell"),
    "prompt_tokens": (pl.Int64, "tokens that the model was given, by its own tokenizer"),
    "cached_tokens": (pl.Int64, "those of them that were not computed again"),
    "output_tokens": (pl.Int64, "new tokens"),
    "thought_tokens": (pl.Int64, "those of them that were thought aloud, before the answer"),
    "cut_tokens": (pl.Int64, "tokens of the text that did not fit and were left out"),
    "index_tokens": (pl.Int64, "model tokens spent on preparing the document"),
    "calls": (pl.Int64, "what a language model was asked; 0 where nobody counted"),
    "rounds": (pl.Int64, "how many of the calls had to wait for one another"),
    "index_seconds": (pl.Float64, "cutting and indexing the document, on its first question"),
    "retrieve_seconds": (pl.Float64, "finding and refining the evidence"),
    "queue_seconds": (pl.Float64, "waiting for the engine"),
    "first_token_seconds": (
        pl.Float64,
        "from the call to the answer's first token, all that came before included; null where nobody timed it",
    ),
    "prefill_seconds": (pl.Float64, "computing the prompt"),
    "decode_seconds": (pl.Float64, "computing the answer"),
    "seconds": (pl.Float64, "all of it"),
    "finish_reason": (pl.String, "stop, length or error"),
    "prompt_hash": (pl.String, "identifies the exact prompt"),
    "error": (pl.String, "why there is no answer; null where there is one"),
    "evidence": (
        EVIDENCE,
        "text that was read: half-open character spans of the document, and the passages that they were pruned from",
    ),
    "details": (pl.String, "what the strategy kept beside the answer, as JSON"),
    "steps": (pl.String, "what a reader that asks more than once asked, found and was told, as JSON"),
    "metadata": (pl.String, "the example's own metadata, as JSON"),
}
SCHEMA = {name: kind for name, (kind, _) in COLUMNS.items()}
ResultRow = Mapping[str, Any]  # a row of the results, by column
LATER: Mapping[str, Any] = {  # columns that older files lack, and what stands there
    "thought_tokens": 0,
    "calls": 0,
    "rounds": 0,
    "steps": "[]",
}
LARGEST = 2**63  # what a column of whole numbers can hold
BLOCK = 1_000  # rows
MARK, BLANK = (
    b"rlc-blake2b:",
    b"0" * 32,
)  # what stands in the footer: the digest of all bytes with zeros in its place


def row(reader: str, example: Example, answer: Answer, score: Score) -> dict[str, Any]:
    """One row.

    Raises:
        DataError: if a figure of the answer has no place in the table, such as a count that is negative or endless.
    """
    usage = {name: getattr(answer.usage, name) for name in COLUMNS if hasattr(answer.usage, name)}
    for name, value in usage.items():
        if value is None and name == "first_token_seconds":  # nobody timed that token
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
        "parts": json.dumps(dict(score.parts), sort_keys=True),
        "note": score.note,
        "f1": score.f1,
        "contains": score.contains,
        "abstained": score.abstained,
        **usage,
        "finish_reason": answer.finish_reason,
        "prompt_hash": answer.prompt_hash,
        "error": answer.error and whole_characters(answer.error),
        "evidence": [asdict(piece) for piece in answer.evidence],
        "details": whole_characters(json.dumps(dict(answer.details), sort_keys=True, ensure_ascii=False)),
        "steps": whole_characters(json.dumps([asdict(step) for step in answer.steps], ensure_ascii=False)),
        "metadata": json.dumps(dict(example.metadata), sort_keys=True, ensure_ascii=False, default=str),
    }


def _check(name: str, value: object, *, whole: bool) -> None:
    if not isinstance(value, Integral if whole else Real) or not 0 <= float(value) < LARGEST:
        raise DataError(f"{name} must be a number from 0 to 2^63, got {shorten(repr(value), 40)}")


def whole_characters(text: str) -> str:
    """The text with halves of surrogate pairs, which no file can hold, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass
class Rows:
    """Rows on their way into a frame: as Python objects they take many times the memory, so they wait in blocks only."""

    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _blocks: list[pl.DataFrame] = field(default_factory=list)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take rows, in any order."""
        self._waiting += rows
        if len(self._waiting) >= BLOCK:
            self._blocks.append(to_frame(self._waiting))
            self._waiting = []

    def frame(self, readers: Sequence[str]) -> pl.DataFrame:
        """All rows, sorted by reader (as given) and example."""
        rank = pl.col("reader").replace_strict(
            {name: i for i, name in enumerate(readers)}, return_dtype=pl.Int64
        )
        whole = pl.concat([*self._blocks, to_frame(self._waiting)])
        return whole.sort(rank, "example_id", maintain_order=True) if readers else whole


def _table(raw: bytes, file: Path) -> pl.DataFrame:
    """The table in a file's bytes; files that were written before digests have none and are taken as they are."""
    at = raw.rfind(MARK) + len(MARK)
    noted = raw[at : at + len(BLANK)]
    if at >= len(MARK) and noted != digest(raw[:at] + BLANK + raw[at + len(BLANK) :]).encode():
        raise DataError(f"{file} is not as it was written, so it was edited or is damaged; {MEND}")
    try:
        return pl.read_parquet(io.BytesIO(raw))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # polars' own crash on damage is no Exception
            raise
        raise DataError(f"{file} is damaged: {error}; {MEND}") from error


def evidence_of(items: Iterable[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    """The evidence of a row, as records."""
    return tuple(
        Evidence(**{**item, "passage": item["passage"] and (item["passage"][0], item["passage"][1])})
        for item in items
    )


def verdict(value: float | None) -> str:
    """A figure in a word: right, wrong, not judged, or its share of the full mark."""
    if value is None:
        return "not judged"
    return {1.0: "right", 0.0: "wrong"}.get(value, f"{100 * value:.0f}%")


def to_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the documented schema."""
    return pl.DataFrame(rows, schema=SCHEMA)


def write_results(frame: pl.DataFrame, file: Path) -> None:
    """Write a table whole or not at all, with a digest of all its bytes in its own footer.

    Raises:
        StoreError: where it cannot be written.
    """
    table = io.BytesIO()
    frame.write_parquet(table, metadata={"rlc": (MARK + BLANK).decode()})
    raw = table.getvalue()
    at = raw.rfind(MARK + BLANK) + len(MARK)
    write_whole(file, raw[:at] + digest(raw).encode() + raw[at + len(BLANK) :])


def read_results(file: Path) -> pl.DataFrame:
    """Read a results file.

    Raises:
        DataError: if it is not there, not as it was written, not parquet, or lacks columns; the message names them.
    """
    if not file.is_file():
        raise DataError(f"no results at {file}; give a run's folder, such as those that `rlc compare` writes")
    try:
        # polars opens a path more than once, and another process may replace the file in between.
        frame = _table(file.read_bytes(), file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file} is not a results file: {error}") from error
    if "correct" in frame.columns and "value" not in frame.columns:  # written before data sets had measures
        frame = frame.with_columns(
            value=pl.col("correct").cast(pl.Float64),
            measure=pl.lit("rule"),
            parts=pl.lit("{}"),
            note=pl.lit(""),
        )
    younger = {name: pl.lit(value) for name, value in LATER.items() if name not in frame.columns}
    frame = frame.with_columns(**younger)
    missing = [name for name in SCHEMA if name not in frame.columns]
    if missing:
        raise DataError(f"{file} lacks the columns {', '.join(missing)}; was it written by another version?")
    # Evidence that was written before passages were has none.
    evidence = pl.Series("evidence", frame["evidence"].to_list(), dtype=EVIDENCE)
    return frame.with_columns(evidence).select(list(SCHEMA))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
