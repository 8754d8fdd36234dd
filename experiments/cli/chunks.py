"""`rlc chunks`: chunkers compared at an equal number of tokens read."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlc.data.errors import UsageError, unknown
from rlc.data.lanes import Lanes
from rlc.data.spec import Spec
from rlc.experiments.cli.options import DATA_ROOT, DATASET, WHERE, Questions, in_records, lane_options
from rlc.experiments.cli.words import tell

if TYPE_CHECKING:
    from rlc.experiments.chunk_lab.measuring import Measured
    from rlc.experiments.chunk_lab.quality import Curve

RETRIEVERS = ("bm25", "dense", "hybrid")


@click.command()
@in_records
@DATASET
@DATA_ROOT
@WHERE
@click.option(
    "--documents", type=click.IntRange(min=1), help="At most so many documents, evenly over their kinds."
)
@click.option(
    "--chunker",
    "chunkers",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="A chunker of `rlc list chunkers`: semantic:size=128; may be repeated. The first is what others are "
    "measured against. None: all but propositions, at 500 tokens.",
)
@click.option(
    "--retriever",
    "retrievers",
    multiple=True,
    metavar="NAME",
    help="bm25, dense or hybrid; may be repeated. None: all three.",
)
@click.option("--budget", default="500,1000,2000,4000", help="Tokens that may be read, by commas.")
@click.option("--encoder", default="minilm", help="For vectors: an alias, a folder, or a Hugging Face id.")
@click.option("--tokenizer", help="Counts the tokens: a model's name, or 'approximate'. None: the encoder's.")
@click.option("--seed", default=0, help="Seed of the random rows and of the draw of documents.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the study here: a page, Markdown, the plot, and JSON that `rlc report --study` reads.",
)
@lane_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def chunks(
    questions: Questions,
    lanes: Lanes,
    documents: int | None,
    chunkers: tuple[str, ...],
    retrievers: tuple[str, ...],
    budget: str,
    encoder: str,
    tokenizer: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compare chunkers on location questions: how often do the best chunks that fit a budget hold the answer?"""
    from rlc.experiments.chunk_lab.measuring import Measuring, measure_in_lanes
    from rlc.experiments.chunk_lab.methods import LEFT_OUT, chunker_spec, default_chunkers
    from rlc.experiments.chunk_lab.quality import joined, table
    from rlc.experiments.chunk_lab.quality import questions as location_questions
    from rlc.experiments.cli.choose import choose_dataset
    from rlc.experiments.cli.comparing import BANNER
    from rlc.experiments.cli.console import print_report
    from rlc.experiments.report.sections.chunk_quality import as_data, page, write_page
    from rlc.experiments.runs.selection import where

    budgets = _budgets(budget)
    counter = tokenizer or encoder
    vectors = {"use": "cached", "encoder": encoder}
    shared = {"encoder": vectors, "tokenizer": counter}
    chosen, left_out = (chunkers, []) if chunkers else default_chunkers()
    specs = {text: chunker_spec(text, shared) for text in chosen}
    rankings = _rankings(retrievers or RETRIEVERS, vectors)
    work = Measuring(specs, rankings, counter, budgets, questions.seed)
    data = where(choose_dataset(questions.dataset, questions.data_root), questions.conditions)
    asked = location_questions(data, documents, questions.seed)
    if data.variant == "sample":
        tell(BANNER, "yellow")
    for name in left_out:
        tell(f"{name} is left out: {LEFT_OUT.format(name=name)}")
    parts = _curves(measure_in_lanes(lanes, work, asked))
    rows = table(joined(sorted(parts, key=lambda part: list(specs).index(part.chunker)), asked))
    about = {
        "dataset": data.name,
        "variant": data.variant,
        "revision": data.revision,
        "where": list(questions.conditions),
        "questions": len(asked),
        "documents": len({example.document_id for example in asked}),
        "encoder": encoder,
        "tokenizer": counter,
        "seed": questions.seed,
        "chunkers": specs,
    }
    found = as_data(rows, about)
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_report(page(found))
    if out:
        tell(str(write_page(found, out)))


def _curves(found: Iterable[tuple[str, "Measured"]]) -> list["Curve"]:
    """The curves of all parts as they come; which chunker is at work, and what fell to its sentences, is told."""
    parts: list[Curve] = []
    fallen: Counter[str] = Counter()
    for text, measured in found:
        if text not in fallen:
            tell(text)
        fallen[text] += measured.fallbacks
        parts += measured.curves
    for text, passages in (+fallen).items():
        tell(f"{text}: {passages} passages fell to their sentences")
    return parts


def _budgets(text: str) -> list[int]:
    numbers = [number.strip() for number in text.split(",")]
    if not all(re.fullmatch("[0-9]+", number) and int(number) for number in numbers):
        raise UsageError(
            f"--budget {text}: expected whole numbers of tokens above 0, by commas, such as 500,1000,2000"
        )
    return sorted({int(number) for number in numbers})


def _rankings(names: tuple[str, ...], encoder: Mapping[str, Any]) -> dict[str, Spec]:
    from rlc.pipeline.families import BUILDER, RETRIEVER

    dense = {"use": "dense", "encoder": encoder}
    specs: dict[str, dict[str, Any]] = {
        "bm25": {"use": "bm25"},
        "dense": dense,
        "hybrid": {"use": "hybrid", "members": [{"use": "bm25"}, dense]},
    }
    rankings = {}
    for name in names:
        if name not in specs:
            raise UsageError(f"--retriever: {unknown('retriever', name, specs)}")
        rankings[name] = BUILDER.complete(specs[name], RETRIEVER, f"--retriever {name}")
    return rankings
