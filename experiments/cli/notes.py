"""What must be said under the table of a comparison."""

import polars as pl

from rlc.data.purse import spent_in
from rlc.experiments.runs.scope import scopes
from rlc.experiments.runs.spending import FILE
from rlc.experiments.runs.stored import StoredRun
from rlc.experiments.study.caveats import caveats
from rlc.experiments.study.judging import judge_sentences
from rlc.experiments.study.noted import answer_notes
from rlc.experiments.study.silences import silences
from rlc.experiments.study.study import Study

FAILURES = 5  # kinds that are shown; the report has all


def notes(study: Study) -> list[str]:
    """Sentences, the most general first, and where everything lies."""
    run = study.run
    lines = [*judge_sentences(study), *_aliases(run), *scopes(run.specs), *caveats(study), *silences(study)]
    for summary in study.summaries:
        spec = run.specs[summary["reader"]]
        if summary["cut_answers"] and "overflow" in spec:
            lines.append(
                f"{summary['reader']}: {summary['cut_answers']} of {summary['n']} answers were given on a text that "
                f"did not fit the window (overflow = {spec['overflow']})"
            )
    if run.reused:
        lines.append(
            f"{run.reused:,} of {run.table.height:,} answers were stored before: they keep the tokens and seconds of when they "
            "were made; --no-resume asks again"
        )
    if (run.folder / FILE).is_file():
        lines.append(f"this run has cost ${spent_in(run.folder / FILE):,.4f} so far (`--spend`)")
    lines += [*thought_lines(run.table.select("reader", "error", "thought_tokens")), *answer_notes(run)]
    return [
        *lines,
        *failure_lines(run.table.select("reader", "error")),
        f"results: {run.folder}",
        f"more: rlc report {run.folder}",
    ]


def thought_lines(frame: pl.DataFrame) -> list[str]:
    """How many answers were paid with thoughts, whoever thought on the way to them, and how long those were."""
    thought = frame.filter(pl.col("error").is_null(), pl.col("thought_tokens") > 0)
    means = thought.group_by("reader", maintain_order=True).agg(pl.len(), pl.col("thought_tokens").mean())
    return [
        f"{reader}: {count} answers cost thoughts, {mean:,.0f} tokens on average, those of every model that was asked for them; "
        "thoughts are not judged, and their tokens are paid"
        for reader, count, mean in means.iter_rows()
    ]


def failure_lines(frame: pl.DataFrame) -> list[str]:
    """The most frequent failures, and how many others there are."""
    errors = frame.drop_nulls("error").group_by("reader", "error").len()
    counted = errors.sort("len", "reader", "error", descending=[True, False, False])
    shown, others = counted.head(FAILURES), counted.slice(FAILURES)
    lines = [f"{reader}: {count} failed: {error}" for reader, error, count in shown.iter_rows()]
    rest = f"{others['len'].sum()} more failed in {others.height} other ways: the report has them all"
    return [*lines, rest] if others.height else lines


def _aliases(run: StoredRun) -> list[str]:
    """What aliases stand for, each once, whatever the number of models."""
    used = {alias.rpartition("/")[2]: run.specs[alias]["use"] for alias in run.labels}
    return [f"{alias}: resolved to {use}" for alias, use in used.items()]
