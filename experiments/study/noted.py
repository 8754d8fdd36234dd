"""What engines noted beside their answers: what a reader of the figures should know of answers that are none the less ones."""

import polars as pl

from rlc.experiments.runs.stored import StoredRun


def answer_notes(run: StoredRun) -> list[str]:
    """Say each note once a reader, with the number of its answers."""
    noted = (
        run.table.select("reader", "details")
        .select("reader", note=pl.col("details").str.json_path_match("$.note"))
        .drop_nulls("note")
    )
    counts = noted.group_by("reader", "note").len().sort("reader", "note")
    return [f"{reader}: {count} answers {note}" for reader, note, count in counts.iter_rows()]
