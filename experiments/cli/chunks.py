"""`rlc chunks`: chunkers compared at an equal number of tokens read."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlc.data.errors import UsageError, unknown
from rlc.experiments.cli.options import DATA_ROOT, DATASET, WHERE
from rlc.experiments.cli.words import tell

if TYPE_CHECKING:
    from rlc.experiments.chunk_lab.ranks import Rank

RETRIEVERS = ("bm25", "dense", "hybrid")


@click.command()
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def chunks(
    dataset: str | None,
    data_root: Path | None,
    conditions: tuple[str, ...],
    documents: int | None,
    chunkers: tuple[str, ...],
    retrievers: tuple[str, ...],
    budget: str,
    encoder: str,
    tokenizer: str | None,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compare chunkers on location questions: how often do the best chunks that fit a budget hold the answer?"""
    from rlc.chunkers import PropositionChunker
    from rlc.data.tokens import load_tokenizer
    from rlc.experiments.chunk_lab.methods import LEFT_OUT, build_chunker, chunker_spec, default_chunkers
    from rlc.experiments.chunk_lab.quality import curves, questions, table
    from rlc.experiments.cli.choose import choose_dataset
    from rlc.experiments.cli.compare import BANNER
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
    data = where(choose_dataset(dataset, data_root), conditions)
    asked = questions(data, documents, seed)
    if data.variant == "sample":
        tell(BANNER, "yellow")
    for name in left_out:
        tell(f"{name} is left out: {LEFT_OUT.format(name=name)}")
    measured = []
    for text, spec in specs.items():
        tell(text)
        chunker = build_chunker(spec)
        measured += curves(text, chunker, rankings, asked, load_tokenizer(counter), budgets, seed)
        if isinstance(chunker, PropositionChunker) and chunker.fallbacks:
            tell(f"{text}: {chunker.fallbacks} passages fell to their sentences")
    rows = table(measured)
    about = {
        "dataset": data.name,
        "variant": data.variant,
        "revision": data.revision,
        "where": list(conditions),
        "questions": len(asked),
        "documents": len({example.document_id for example in asked}),
        "encoder": encoder,
        "tokenizer": counter,
        "seed": seed,
        "chunkers": specs,
    }
    found = as_data(rows, about)
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_report(page(found))
    if out:
        tell(str(write_page(found, out)))


def _budgets(text: str) -> list[int]:
    numbers = [number.strip() for number in text.split(",")]
    if not all(re.fullmatch("[0-9]+", number) and int(number) for number in numbers):
        raise UsageError(
            f"--budget {text}: expected whole numbers of tokens above 0, by commas, such as 500,1000,2000"
        )
    return sorted({int(number) for number in numbers})


def _rankings(names: tuple[str, ...], encoder: Mapping[str, Any]) -> "dict[str, Rank]":
    from rlc.experiments.chunk_lab.quality import DEPTH
    from rlc.experiments.chunk_lab.ranks import by
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
        path = f"--retriever {name}"
        rankings[name] = by(
            BUILDER.build(BUILDER.complete(specs[name], RETRIEVER, path), RETRIEVER, path), DEPTH
        )
    return rankings
