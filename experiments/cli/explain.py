"""`rlc explain`: why a question went where it went, as a router kept it beside the answer."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from rlc.data.errors import UsageError
from rlc.data.text.escape import escape_controls
from rlc.experiments.cli.options import OUT, QUESTION, RUN
from rlc.experiments.cli.words import say_line
from rlc.experiments.report.pages.question import open_question
from rlc.experiments.runs.results import ResultRow, verdict
from rlc.pipeline.routers.support.decide import HELD_OUT

WORDS = {
    "coverage_1": "how many of the question's words the best passage holds",
    "coverage_5": "how many of the question's words the five best passages hold",
    "coverage_window": "how many of the question's words stand close together in the document",
    "coverage_document": "how many of the question's words the document holds at all",
    "terms_rarity": "how rare the question's words are in the document",
    "rarest_term": "how rare the question's rarest word is in the document",
    "rare_terms": "how many rare words the question has",
    "fewest_occurrences": "how seldom the question's rarest word occurs",
    "document_length": "the document's length",
    "question_length": "the question's length",
    "names_absent": "names in the question that the document lacks",
    "numbers_absent": "numbers in the question that the document lacks",
}
"""What a feature says, in words; others are named as they are called."""


@click.command()
@RUN
@QUESTION
@OUT
def explain(run: str, question: str, out: Path) -> None:
    """Say why the routers of RUN sent QUESTION (its id, or a part of its text) where they did."""
    for line in explain_question(run, question, out):
        say_line(line)


def explain_question(run: str, question: str, out: Path) -> Iterator[str]:
    """The lines that tell how each router of a run decided on one question, and what came of it.

    Args:
        run: The run's folder, or its name below `out`.
        question: The question's id, or a part of its id or its text that no other has.
        out: The folder of runs.

    Raises:
        UsageError: if there is no such run or question, or no router decided on it.
        DataError: if the run cannot be read.
    """
    stored = open_question(run, question, out)
    rows = stored.frame.to_dicts()
    example_id = rows[0]["example_id"]
    details = {row["reader"]: json.loads(row["details"]) for row in rows}
    routers = [row for row in rows if details[row["reader"]] and row["route"] != row["reader"]]
    if not routers:
        readers = ", ".join(row["reader"] for row in rows)
        raise UsageError(
            f"no router of {stored.folder.name} decided on {example_id}; it holds {readers}. Run `rlc compare` with "
            "--router auto"
        )
    yield escape_controls(f"{example_id}: {rows[0]['question']}")
    for row in routers:
        label = stored.labels.get(row["reader"], row["reader"])
        yield escape_controls(f"{label}: went to {row['route']}, {_verdict(row)}")
        yield from (f"    {line}" for line in _reasons(details[row["reader"]]))
    for row in rows:
        if row not in routers:
            yield escape_controls(f"{row['reader']}: {_verdict(row)}")


def _reasons(details: Mapping[str, Any]) -> Iterator[str]:
    if "p_long" in details:
        same = 1 - details["p_long"] - details["p_rag"]
        yield (
            f"only long would be right: {details['p_long']:.0%}; only rag: {details['p_rag']:.0%}; no difference: "
            f"{same:.0%}; so long is expected to gain {100 * details['expected_gain']:+.1f} points"
        )
    for name, weight in details.get("moved", ()):
        said = WORDS.get(name, name.replace("_", " "))
        yield escape_controls(
            f"{said} speaks for {'long' if weight > 0 else 'rag'} ({name}, log-odds {weight:+.2f})"
        )
    if details.get("price"):
        asked = 100 * details["price"]
        paid = details.get("extra_tokens", 0)
        yield (
            f"price: {asked:.3g} points of gain asked of 1,000 extra tokens, so {asked * paid / 1000:.1f} of the "
            f"{paid:,} that this question pays for"
        )
    if "assumed_reader" in details:
        yield escape_controls(f"strength of the reader: {details['assumed_reader']}")
    if details.get(HELD_OUT):
        yield "decided by a fit that had not seen this document"
    if "bought" in details:
        yield (
            "both arms answered, and one answer was kept"
            if details["bought"]
            else "the long answer was not bought"
        )
    told = {
        HELD_OUT,
        "bought",
        "p_long",
        "p_rag",
        "expected_gain",
        "moved",
        "price",
        "extra_tokens",
        "assumed_reader",
    }
    if rest := {key: value for key, value in details.items() if key not in told}:
        yield escape_controls(json.dumps(rest, ensure_ascii=False, sort_keys=True))


def _verdict(row: ResultRow) -> str:
    if row["error"] is not None:
        return f"failed: {row['error']}"
    return f"{verdict(row['value'])}, {row['prompt_tokens']:,} prompt tokens"
