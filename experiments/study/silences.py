"""What happened without a failure and would go unseen: nothing retrieved, answers cut, pruners without effect, copies."""

from collections.abc import Iterator, Sequence

import polars as pl

from rlc.data.records import Evidence, passages_of
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study
from rlc.pipeline.readers.support.asking import NOTHING_RETRIEVED


def silences(study: Study) -> list[str]:
    """A sentence for each of them by reader; none where there is nothing to say."""
    return [sentence for reader in study.readers for sentence in _of(study, reader)]


def _of(study: Study, reader: ReaderInfo) -> Iterator[str]:
    answered = study.answered(reader, "finish_reason")
    if reader.role != "router" and (cut := answered.filter(pl.col("finish_reason") == "length").height):
        yield f"{reader.label}: {cut:,} of {answered.height:,} answers ended at the limit of tokens, max_tokens."
    rows = study.rows(reader, "index_tokens", "error")
    preparing = rows.filter(pl.col("index_tokens") > 0)
    if reader.role != "router" and preparing.height:
        mean = preparing["index_tokens"].sum() / preparing.height
        some = "document" if preparing.height == 1 else "documents"
        yield (
            f"{reader.label}: a model prepared {preparing.height:,} {some} for {mean:,.0f} tokens each, which its tokens a "
            "question do not hold."
        )
    if reader.role != "rag":
        return
    if empty := rows.filter(pl.col("error").str.starts_with(NOTHING_RETRIEVED)).height:
        yield f"{reader.label}: nothing was retrieved for {empty:,} of {rows.height:,} questions; they count as failed."
    pruned = trimmed = copied = 0
    for id_, evidence in study.read(reader, elsewhere=True):
        pruned += any(piece.passage for piece in evidence)
        trimmed += not _is_whole(evidence)
        copied += _has_copies(study, id_, evidence)
    if pruned and not trimmed:
        yield f"{reader.label}: the pruner kept every passage whole, for all {pruned:,} questions."
    if copied:
        yield (
            f"{reader.label}: equal passages filled the top k of {copied:,} of {answered.height:,} questions; the "
            "selector mmr or the pruner static leaves copies out."
        )


def _is_whole(evidence: Sequence[Evidence]) -> bool:
    return all(piece.passage is None or piece.passage == (piece.start, piece.end) for piece in evidence)


def _has_copies(study: Study, example_id: str, evidence: Sequence[Evidence]) -> bool:
    """Whether two passages of the question's own document say the same; unknown documents have none."""
    example = study.asked.get(example_id)
    if example is None:
        return False
    text = example.document.page_content
    passages = [p for p in passages_of(evidence) if p.document_id == example.document_id]
    return len({" ".join(text[p.start : p.end].split()) for p in passages}) < len(passages)
