"""What was planned before the run beside what was measured: time, tokens, and the engine's memory where known."""

from collections.abc import Iterator, Mapping
from typing import Any

from rlc.experiments.report.cells import NONE, name, number
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.runs.forecast import read_estimate
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

NOTE = (
    "Planned is a bound: chunks of full size, answers of full length, every document once. Seconds are wall time of the "
    "reader's batches, finding and indexing included and loading left out, where this run answered all its questions in "
    "one go; else (marked *) the sum of the answers' own times, in which questions that share an engine wait for each other."
)


def planned(study: Study) -> Section | None:
    """A row per reader and quantity; None for a run without an estimate."""
    record = read_estimate(study.run.folder)
    if record is None:
        return None
    rows = [
        row
        for reader in study.readers
        if reader.name in record["readers"]
        for row in _rows(study, reader, record)
    ]
    silent = ", ".join(record["not_estimated"])
    missing = f" Not estimated, for they cannot say what they read: {silent}." if silent else ""
    machine = f" Times were planned for {record['machine']}." if record["machine"] else ""
    return Section(
        "planned",
        "Planned and measured",
        texts=(f"The estimate was written before the first question was asked.{machine}{missing}",),
        tables=(
            Table(
                "The estimate and what came of it",
                ("reader", "of", "planned", "measured", "planned / measured"),
                rows,
                note=NOTE,
            ),
        ),
    )


def _rows(study: Study, reader: ReaderInfo, record: Mapping[str, Any]) -> Iterator[tuple[Cell, ...]]:
    expected = record["readers"][reader.name]
    seen = record["measured"].get(reader.name, {})
    answered = study.answered(reader, "prompt_tokens", "cached_tokens", "output_tokens", "seconds")
    given, cached, new, spent = (float(column.sum()) for column in answered)
    seconds, mark = (spent, " *") if seen.get("seconds") is None else (seen["seconds"], "")
    yield _row(reader, f"seconds{mark}", expected.get("seconds"), seconds or None, 1)
    yield _row(reader, "prompt tokens computed", expected["computed_tokens"], given - cached)
    yield _row(reader, "prompt tokens given", expected["prompt_tokens"], given)
    yield _row(reader, "new tokens", expected["output_tokens"], new)
    if expected.get("cache_tokens") is not None:
        yield _row(reader, "tokens that the cache holds", expected["cache_tokens"], seen.get("cache_tokens"))


def _row(
    reader: ReaderInfo, what: str, expected: float | None, seen: float | None, digits: int = 0
) -> tuple[Cell, ...]:
    ratio = expected / seen if expected is not None and seen else None
    return (
        name(reader.label),
        Cell(what),
        number(expected, digits),
        number(seen, digits),
        Cell(NONE if ratio is None else f"{ratio:.2f}"),
    )
