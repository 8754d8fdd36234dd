"""Traces made of stored rows: what a reader did for a question, stage by stage, with the seconds that it took.

Nothing is run again. A stage that was not timed apart has no length of its own, and in place of a whole document
stand its id, its length and its hash.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import polars as pl

from rlc.data.records import Step
from rlc.data.spec import Spec
from rlc.experiments.runs.results import ResultRow, steps_of, verdict
from rlc.experiments.runs.selection import draw
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study
from rlc.experiments.tracking.client import Connection
from rlc.experiments.tracking.place import add_to_record, read_record, results_digest
from rlc.pipeline.readers.support.talk import PROMPTED
from rlc.retrievers.rerank import RERANKERS

SEED = 0
LONGEST_PASSAGE = 2_000  # characters shown whole
PAGE = 100  # traces that one call may find or delete


@dataclass(frozen=True)
class TraceSpan:
    """A span to be: seconds from the question's start, and the spans within."""

    name: str
    kind: str
    start: float
    end: float
    inputs: Any
    outputs: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)
    within: Sequence["TraceSpan"] = ()


def drawn(example_ids: Sequence[str], count: int, seed: int = SEED) -> list[str]:
    """So many of the ids at random; the same for the same seed, and fewer are always among more."""
    return sorted(set(example_ids), key=lambda one: draw(seed, one))[:count]


def spans_of(row: ResultRow, spec: Spec, reader: ReaderInfo, text: str | None) -> TraceSpan:
    """A row of the results as a tree of spans: the reader, and within it retrieval, its refining steps, the model.

    Of a strategy every step is a span; those that waited for none of each other begin together.

    Args:
        row: The row.
        spec: The reader's completed spec.
        reader: The reader.
        text: The document, where it is at hand.
    """
    indexed = row["index_seconds"] or 0.0
    found = indexed + (row["retrieve_seconds"] or 0.0)
    end = max(row["seconds"] or 0.0, found)
    question = {
        key: row[key] for key in ("question", "example_id", "task", "document_id")
    }  # a preview's begin
    within = _rounds(steps_of(row["steps"]), row, text, reader)
    if row["evidence"] and not within:
        refined = [_refinement(step, found, row) for step in spec.get("steps", ())]
        passages = [_passage(one, row, text) for one in row["evidence"]]
        within.append(
            TraceSpan("retrieve", "RETRIEVER", indexed, found, row["question"], passages, within=refined)
        )
    if row["error"] is None and row["steps"] in (None, "[]"):
        within.append(
            TraceSpan("answer", "LLM", found, end, _read(row, text), row["prediction"], _usage(row, reader))
        )
    facts = {
        "rlc.reconstructed": "from the stored results; stages have the seconds that were measured",
        "rlc.route": row["route"],
        "rlc.index_seconds": indexed,
        "rlc.verdict": verdict(row["value"]),
        "rlc.reason": row["reason"],
    }
    outputs = row["prediction"] if row["error"] is None else {"error": row["error"]}
    return TraceSpan(reader.label, "CHAIN", 0.0, end, question, outputs, facts, within)


KINDS = {**dict.fromkeys(PROMPTED, "LLM"), "search": "RETRIEVER", "read": "CHAIN"}


def _rounds(steps: Sequence[Step], row: ResultRow, text: str | None, reader: ReaderInfo) -> list[TraceSpan]:
    """The steps of a strategy one after the other; those of one name in one round at one time."""
    spans: list[TraceSpan] = []
    start = end = 0.0
    last = None
    for step in steps:
        if (step.round, step.kind, step.name) != last:
            start, last = end, (step.round, step.kind, step.name)
        over = start + step.usage.latency
        end = max(end, over)
        found = [_passage(asdict(one), row, text) for one in step.evidence]
        outputs = found if step.kind == "search" else step.error or step.text
        inputs = {"query": step.text} if step.kind == "search" else {"prompt_hash": step.prompt_hash}
        facts = {"rlc.round": step.round + 1, "rlc.error": step.error}
        if KINDS.get(step.kind) == "LLM":
            facts |= _usage({**asdict(step.usage), "finish_reason": None}, reader)
        spans.append(TraceSpan(step.name, KINDS.get(step.kind, "TASK"), start, over, inputs, outputs, facts))
    return spans


def _refinement(step: Spec, at: float, row: ResultRow) -> TraceSpan:
    """A reranker or pruner: its settings and what was left at the end; it was not timed apart from retrieval."""
    name = str(step.get("use"))
    kind = "RERANKER" if name in RERANKERS else "TASK"
    left = {"passages in the end": len(row["evidence"])}
    return TraceSpan(
        name, kind, at, at, dict(step), left, {"rlc.seconds": "within retrieval, not timed apart"}
    )


def _passage(evidence: ResultRow, row: ResultRow, text: str | None) -> dict[str, Any]:
    """A passage in the form of MLflow's documents."""
    document, start, end = evidence["document_id"], evidence["start"], evidence["end"]
    name = f"{document}:{start}-{end}"
    shown = f"characters {start} to {end} of {document}"
    if text is not None and document == row["document_id"]:
        passage = text[start:end]
        shown = passage if len(passage) <= LONGEST_PASSAGE else f"{shown} ({_digest(passage)})"
    place = {"doc_uri": document, "chunk_id": name, "start_index": start, "end_index": end}
    return {"page_content": shown, "metadata": {**place, "relevance_score": evidence["score"]}, "id": name}


def _read(row: ResultRow, text: str | None) -> dict[str, Any]:
    """What the model was given: passages above, or the document by its id, length and hash."""
    read: dict[str, Any] = {"question": row["question"], "prompt_hash": row["prompt_hash"]}
    if row["evidence"]:
        return {**read, "passages": len(row["evidence"])}
    document: dict[str, Any] = {"id": row["document_id"]}
    if text is not None:
        document |= {"characters": len(text), "blake2b": _digest(text)}
    return {**read, "document": document}


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _usage(row: ResultRow, reader: ReaderInfo) -> dict[str, Any]:
    """Tokens where MLflow looks for them, and our own figures."""
    given, new = row["prompt_tokens"] or 0, row["output_tokens"] or 0
    usage = {"input_tokens": given, "output_tokens": new, "total_tokens": given + new}
    stages = ("queue_seconds", "prefill_seconds", "decode_seconds", "first_token_seconds")
    own = {f"rlc.{key}": row[key] for key in ("cached_tokens", "cut_tokens", *stages, "finish_reason")}
    return {"mlflow.chat.tokenUsage": usage, "mlflow.llm.model": ", ".join(reader.models), **own}


def log_traces(connection: Connection, study: Study, children: Mapping[str, str], count: int) -> None:
    """Trace so many questions for every reader, in its child run; what is there already stays.

    Args:
        connection: MLflow.
        study: The run.
        children: The readers' run ids by name.
        count: How many questions.
    """
    run = study.run
    digest = results_digest(run)
    known = read_record(run.folder).get("traced") or {}
    if not count or (known.get("results") == digest and known.get("count", 0) >= count):
        return
    chosen = set(drawn(study.examples["example_id"].to_list(), count))
    texts = _texts(study, chosen)
    started = int(_when(study).timestamp() * 1e9)
    for name, child in children.items():
        forget_traces(connection, child)
        reader = study.reader(name)
        mine = (pl.col("reader") == name) & pl.col("example_id").is_in(chosen)
        for row in study.run.table.where(of=mine).iter_rows(named=True):
            step = spans_of(row, run.specs.get(name, {}), reader, texts.get(row["example_id"]))
            _write(
                connection.mlflow,
                step,
                started,
                "OK" if row["error"] is None else "ERROR",
                experiment_id=connection.experiment,
                metadata={"mlflow.sourceRun": child},
                tags={f"rlc.{key}": row[key] for key in ("reader", "example_id", "task")},
            )
    connection.mlflow.flush_trace_async_logging()
    add_to_record(run.folder, traced={"results": digest, "count": count})


def traces_of(connection: Connection, run_id: str) -> Iterator[Any]:
    """All traces of a run."""
    token = None
    while True:
        found = connection.client.search_traces(
            locations=[connection.experiment], run_id=run_id, max_results=PAGE, page_token=token
        )
        yield from found
        token = found.token
        if not token:
            return


def forget_traces(connection: Connection, run_id: str) -> None:
    """Drop the traces of a run that is logged again."""
    ids = [trace.info.trace_id for trace in traces_of(connection, run_id)]
    for start in range(0, len(ids), PAGE):
        connection.client.delete_traces(connection.experiment, trace_ids=ids[start : start + PAGE])


def _texts(study: Study, chosen: set[str]) -> dict[str, str]:
    examples = study.dataset.examples if study.dataset else ()
    return {one.id: one.document.page_content for one in examples if one.id in chosen}


def _when(study: Study) -> datetime:
    """The run's own date: rows do not tell when in it a question was asked."""
    date = study.run.provenance.get("date")
    return datetime.fromisoformat(date) if date else datetime.now(UTC)


def _write(mlflow: Any, step: TraceSpan, started: int, status: str, **place: Any) -> None:  # noqa: ANN401
    """Write a step and those within it; `place` is the trace of the outermost, or the span around."""
    span = mlflow.start_span_no_context(
        step.name,
        span_type=step.kind,
        inputs=step.inputs,
        attributes={key: value for key, value in step.attributes.items() if value is not None},
        start_time_ns=started + int(step.start * 1e9),
        **place,
    )
    for inner in step.within:
        _write(mlflow, inner, started, status, parent_span=span)
    span.end(outputs=step.outputs, status=status, end_time_ns=started + int(step.end * 1e9))
