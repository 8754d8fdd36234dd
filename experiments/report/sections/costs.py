"""What an answer cost: tokens, seconds, and money where there is a price sheet."""

import polars as pl

from rlc.data.records import Usage
from rlc.experiments.metrics.cost import PRICED
from rlc.experiments.report.cells import name, number
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.report.sections.amortised import first_and_further
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Study

TOKENS = {
    "prompt_tokens": "prompt",
    "cached_tokens": "of it cached",
    "output_tokens": "output",
    "thought_tokens": "of it thought",
    "cut_tokens": "cut from the text",
    "index_tokens": "for the index",
}
CALLS = {"calls": "calls of a language model", "rounds": "rounds, each after the one before"}
SECONDS = {
    "index_seconds": "index",
    "retrieve_seconds": "retrieve",
    "queue_seconds": "wait",
    "prefill_seconds": "prefill",
    "decode_seconds": "decode",
    "seconds": "in all",
    "first_token_seconds": "to the first token",
    "latency_seconds": "to the last token",
}
_LATENCY = pl.col("latency_seconds").fill_null(pl.col("seconds"))


def costs(study: Study) -> Section:
    """Means per answered question, the dollars of a thousand, and what a document's first and further ones cost."""
    tables = [
        Table("Tokens a question", ("reader", *TOKENS.values()), _rows(study, list(TOKENS), 0)),
        Table("Seconds a question", ("reader", *SECONDS.values()), _rows(study, list(SECONDS), 2)),
    ]
    texts = [
        "Means over answered questions. A router pays for every arm that it asked. Of questions answered side by side each "
        "pays its share of the time that they took together, in which it was computed; the last two columns are what its "
        "asker waited."
    ]
    if not any(study.answered(reader, "seconds")["seconds"].sum() for reader in study.readers):
        tables.pop()
        texts.append("Nothing was timed: the answers were recorded elsewhere.")
    calls = {reader.name: study.answered(reader, "calls")["calls"].max() for reader in study.readers}
    if any(most and int(str(most)) > 1 for most in calls.values()):
        tables.append(Table("Calls a question", ("reader", *CALLS.values()), _rows(study, list(CALLS), 1)))
    tables += first_and_further(study)
    if study.prices:
        tables.append(_money(study))
    return Section("costs", "Cost", texts=(" ".join(texts),), tables=tables)


def price_per_question(study: Study, reader: ReaderInfo) -> float | None:
    """Dollars for an answered question; None if nothing was answered, or the reader asks several models or one without a price."""
    answered = study.answered(reader, *PRICED)
    if answered.is_empty() or len(reader.models) != 1 or reader.models[0] not in study.prices:
        return None
    total = Usage(**{key: int(answered[key].sum()) for key in PRICED})
    return study.prices[reader.models[0]].of(total) / answered.height


def _rows(study: Study, columns: list[str], digits: int) -> list[tuple[Cell, ...]]:
    read = dict.fromkeys([*columns, *_LATENCY.meta.root_names()])
    return [
        (
            name(reader.label),
            *(number(None if mean is None else float(mean), digits) for mean in means.row(0)),
        )
        for reader in study.readers
        for means in [study.answered(reader, *read).with_columns(_LATENCY).select(columns).mean()]
    ]


def _money(study: Study) -> Table:
    prices = {reader.name: price_per_question(study, reader) for reader in study.readers}
    return Table(
        "Dollars for 1,000 questions",
        ("reader", "language model", "dollars"),
        [
            (
                name(reader.label),
                Cell(", ".join(reader.models)),
                number(None if price is None else 1000 * price, 2),
            )
            for reader in study.readers
            for price in [prices[reader.name]]
        ],
        note="By the price sheet given, else by the one that comes with rlc; a reader that asks several models, or none, has no "
        "price.",
    )
