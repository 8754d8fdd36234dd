"""Retrieval measured: TREC runs and qrels, ir-measures, and recall by character spans."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from rlc.data.errors import DataError, UsageError
from rlc.data.records import Evidence

Value = TypeVar("Value")
Run = Mapping[str, Mapping[str, float]]
"""Scores by question id and chunk id."""
Qrels = Mapping[str, Mapping[str, int]]
"""Relevance by question id and chunk id."""

MEASURES = ("nDCG@10", "R@1", "R@5", "R@10", "RR", "AP")

_SAFE = "!\"#$&'()*+,-./:;<=>?@[]^_`{|}~"  # all of ASCII but space and %


def ranking(scores: Mapping[str, float]) -> list[str]:
    """Ids, best first, ties broken by id."""
    return sorted(scores, key=lambda name: (-scores[name], name))


def evaluate(run: Run, qrels: Qrels, measures: Sequence[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Values of ir-measures by question and measure, for every question of the qrels.

    A question that the run lacks gets each measure's worst value. Ties are ranked by id here, since trec_eval
    would rank them by id backwards.

    Args:
        run: What was retrieved.
        qrels: What is relevant. Where it was found by rule, call the figures silver.
        measures: Names such as `nDCG@10`, `R@5`, `RR`, `AP`.

    Raises:
        UsageError: on a measure that ir-measures does not know.
        ValueError: on a score that is not finite.
    """
    import ir_measures

    wanted = []
    for name in measures:
        try:
            wanted.append(ir_measures.parse_measure(name))
        except (NameError, ValueError, SyntaxError) as error:
            raise UsageError(
                f"no measure {name!r}; names look like nDCG@10, R@5, RR, AP ({error})"
            ) from error
    for question, scores in run.items():
        if not all(map(math.isfinite, scores.values())):
            raise ValueError(f"{question}: expected finite scores, got {dict(scores)}")
    scored = [
        ir_measures.ScoredDoc(question, name, float(-rank))
        for question, scores in run.items()
        for rank, name in enumerate(ranking(scores))
    ]
    judged = [
        ir_measures.Qrel(q, name, rel) for q, relevant in qrels.items() for name, rel in relevant.items()
    ]
    values: dict[str, dict[str, float]] = {question: {} for question in qrels}
    for metric in ir_measures.iter_calc(wanted, judged, scored):
        values[metric.query_id][str(metric.measure)] = metric.value
    return values


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a TREC run: `qid Q0 docid rank score tag`, ranks from 1. Spaces in ids are written as %20."""
    _write(
        path,
        (
            f"{_escape(question)} Q0 {_escape(name)} {rank} {scores[name]!r} {_escape(tag)}"
            for question, scores in run.items()
            for rank, name in enumerate(ranking(scores), start=1)
        ),
    )


def read_run(path: Path) -> dict[str, dict[str, float]]:
    """Read a TREC run.

    Raises:
        DataError: naming the file and line that cannot be used; a chunk listed twice is one.
    """
    run: dict[str, dict[str, float]] = {}
    for place, (question, _, name, _, score, _) in _read(path, 6):
        _add(run.setdefault(unquote(question), {}), unquote(name), _number(score, float, place), place)
    return run


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write TREC qrels: `qid 0 docid relevance`. Spaces in ids are written as %20."""
    _write(
        path,
        (
            f"{_escape(question)} 0 {_escape(name)} {relevance}"
            for question, relevant in qrels.items()
            for name, relevance in relevant.items()
        ),
    )


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read TREC qrels.

    Raises:
        DataError: naming the file and line that cannot be used; a chunk listed twice is one.
    """
    qrels: dict[str, dict[str, int]] = {}
    for place, (question, _, name, relevance) in _read(path, 4):
        _add(qrels.setdefault(unquote(question), {}), unquote(name), _number(relevance, int, place), place)
    return qrels


def _escape(name: str) -> str:
    if not name:
        raise ValueError("expected an id, got an empty string")
    return quote(name, safe=_SAFE)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _read(path: Path, columns: int) -> Iterable[tuple[str, list[str]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split()
        if fields and len(fields) != columns:
            raise DataError(f"{path}:{number}: expected {columns} columns, got {len(fields)}: {line!r}")
        if fields:
            yield f"{path}:{number}", fields


def _number(text: str, kind: Callable[[str], Value], place: str) -> Value:
    try:
        return kind(text)
    except ValueError as error:
        raise DataError(f"{place}: expected a number, got {text!r}") from error


def _add(group: dict[str, Value], name: str, value: Value, place: str) -> None:
    if name in group:
        raise DataError(f"{place}: {name!r} is listed twice for one question; keep one line")
    group[name] = value


def span_recall(gold: Sequence[Evidence], found: Iterable[Evidence]) -> float:
    """The share of the gold characters that the found spans cover, overlaps counted once.

    Raises:
        ValueError: if the gold spans hold no characters.
    """
    wanted = _union(gold)
    total = sum(end - start for spans in wanted.values() for start, end in spans)
    if not total:
        raise ValueError("expected gold spans of at least one character, got none; leave the question out")
    return _common(wanted, _union(found)) / total


def span_precision(gold: Sequence[Evidence], found: Iterable[Evidence]) -> float:
    """The share of the found characters that are gold, overlaps counted once; 0 where nothing was found."""
    offered = _union(found)
    total = sum(end - start for spans in offered.values() for start, end in spans)
    return _common(_union(gold), offered) / total if total else 0.0


def _union(spans: Iterable[Evidence]) -> dict[str, list[tuple[int, int]]]:
    """Disjoint spans in order, by document."""
    merged: dict[str, list[tuple[int, int]]] = {}
    for span in sorted(spans, key=lambda s: (s.document_id, s.start, s.end)):
        known = merged.setdefault(span.document_id, [])
        if known and span.start <= known[-1][1]:
            known[-1] = (known[-1][0], max(known[-1][1], span.end))
        else:
            known.append((span.start, span.end))
    return merged


def _common(a: Mapping[str, list[tuple[int, int]]], b: Mapping[str, list[tuple[int, int]]]) -> int:
    return sum(
        max(0, min(end, other_end) - max(start, other_start))
        for document, spans in a.items()
        for start, end in spans
        for other_start, other_end in b.get(document, ())
    )
