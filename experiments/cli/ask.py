"""`rlc ask`: questions made from documents."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlc.data.errors import UsageError
from rlc.experiments.asking import KINDS
from rlc.experiments.cli.options import ALLOW_CODE, PRICES
from rlc.experiments.cli.words import say_line, tell

if TYPE_CHECKING:
    from rlc.data.records import Document
    from rlc.experiments.asking.ask import Asked
    from rlc.experiments.asking.made import MadeQuestion


@click.command()
@click.argument("documents", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--model",
    metavar="[ENGINE:]MODEL",
    help="Who writes and checks them; without one they are gaps in sentences, by rule.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Settings of the engine: window=32768."
)
@click.option("--count", type=click.IntRange(min=1), default=40, help="Questions wanted.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="Kinds of questions; all four if not given.",
)
@click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: DOCUMENTS/questions.jsonl]",
)
@click.option("--seed", default=0, help="Seed of the draw.")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    help="Where what the model said is kept.",
)
@click.option("--force", is_flag=True, help="Replace a file of questions that is there.")
@click.option("--dry-run", is_flag=True, help="Say what it costs at most, and ask nothing.")
@PRICES
@ALLOW_CODE
def ask(
    documents: Path,
    model: str | None,
    settings: tuple[str, ...],
    count: int,
    kinds: tuple[str, ...],
    file: Path | None,
    seed: int,
    store: Path,
    force: bool,
    dry_run: bool,
    prices: Path | None,
) -> None:
    """Make questions about DOCUMENTS, a folder: with gold answers and the quotes that hold them, for `rlc compare`.

    A model writes them and then answers each without the document and from its quotes alone: kept is what needs the one and
    is answered by the other. What it said is stored; the same command goes on where it stopped.
    """
    from rlc.data.formats.folder import load_documents
    from rlc.experiments.asking.ask import by_rule, publish

    target = file or documents / "questions.jsonl"
    if target.suffix != ".jsonl":
        raise UsageError(
            f"--out {target}: expected a name that ends in .jsonl; the page to look through ends in .html"
        )
    if target.exists() and not force and not dry_run:
        raise UsageError(f"{target} is there: --force replaces it, --out names another file")
    texts = load_documents(documents)
    title = f"Questions on {documents.name}"
    if model is None:
        if kinds or settings:
            raise UsageError("--kind and --set are for a model's questions: name one with --model")
        said = "Made by rule: a name or figure that stands once in its document was taken out of a sentence."
        advice = "let a model write them, with --model ENGINE:MODEL"
        found = publish(by_rule(texts, count, seed), target, title, said, advice)
    else:
        made = _written(model, settings, store, texts, (kinds or KINDS, count, seed), prices, dry_run=dry_run)
        if made is None:
            return
        said = f"Written and checked by {model}; weak models let bad questions through."
        advice = "take a stronger model, or leave --model out for questions by rule"
        found = publish(made, target, title, said, advice)
    _told(found, documents, count)


def _written(
    model: str,
    settings: Sequence[str],
    store: Path,
    texts: "Mapping[str, Document]",
    wanted: tuple[Sequence[str], int, int],
    prices: Path | None,
    *,
    dry_run: bool,
) -> "list[MadeQuestion] | None":
    """What a model writes, after it is said what that costs at most; None where that is all that is wanted.

    `wanted` are the kinds of questions, how many of them, and the seed of their draw.
    """
    from rlc.experiments.asking.ask import bill, write_with
    from rlc.experiments.cli.choose import engine_price, remembering_engine

    price = engine_price(model, settings, prices)
    with remembering_engine(model, settings, store) as llm:
        costs = bill(llm, texts, *wanted)
        dollars = f"; at most ${price.most(costs.prompt_tokens, costs.output_tokens):,.2f}" if price else ""
        say_line(
            f"at most {costs.prompts:,} prompts of {costs.prompt_tokens:,} tokens together, and "
            f"{costs.output_tokens:,} new tokens, by {llm.name}{dollars}"
        )
        if dry_run:
            return None
        return write_with(
            llm, texts, *wanted, lambda kept, tried: tell(f"{kept} of {wanted[1]} kept, {tried} tried")
        )


def _told(found: "Asked", documents: Path, wanted: int) -> None:
    kept = ", ".join(f"{n} {kind}" for kind, n in found.kept.items())
    say_line(f"kept {sum(found.kept.values())} of {wanted} wanted ({kept}): {found.file}")
    for reason, n in sorted(found.dropped.items(), key=lambda one: (-one[1], one[0])):
        say_line(f"  {n} {reason}")
    say_line(f"look through them: {found.page}")
    place = documents / "questions.jsonl"
    beside = "" if found.file.absolute() == place.absolute() else f"put the file there as {place}, "
    say_line(f"{beside}then: rlc compare --dataset {documents}")
