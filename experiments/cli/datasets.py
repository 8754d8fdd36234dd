"""`rlc list datasets`: what there is, whether it is here, and one data set's card."""

from collections.abc import Iterator
from textwrap import fill, indent

from rlc.data.datasets import card_of
from rlc.data.errors import UsageError, unknown
from rlc.data.sets import SETS
from rlc.data.sets.card import SENSES, Card, Files, Git, Hub
from rlc.data.sets.fetch import folder_of
from rlc.experiments.cli.words import say_line


def print_datasets() -> None:
    """A table of all data sets."""
    from rich.table import Table

    from rlc.experiments.cli.console import print_table

    table = Table()
    for column in ("name", "parts", "questions", "documents", "length", "scored by", "licence", "here"):
        table.add_column(column, justify="right" if column in ("parts", "questions", "documents") else "left")
    for name in sorted(SETS):
        card = card_of(name)
        counts = [
            "any" if card.made else "?" if n is None else f"{n:,}" for n in (card.questions, card.documents)
        ]
        length = f"{card.lengths} {card.unit}" if card.lengths and not card.made else card.lengths or "?"
        terms = " (accept)" if card.terms else ""
        table.add_row(
            name, str(len(card.parts)), *counts, length, measure(card), card.licence + terms, here(card)
        )
    print_table(table)
    say_line("one data set with its parts and how to cite it: rlc list datasets NAME")


def print_card(name: str) -> None:
    """One data set's card.

    Raises:
        UsageError: if there is none of that name.
    """
    if name not in SETS:
        raise UsageError(unknown("data set", name, SETS))
    for line in lines(card_of(name)):
        say_line(line)


def measure(card: Card) -> str:
    """Who scores it, in a word or two."""
    if card.judge:
        return f"rule judge (authors: {card.judge})"
    return "authors' rule" if any(part.scorer for part in card.parts.values()) else "rule judge"


def here(card: Card) -> str:
    """Whether it is on this machine, or how it gets there."""
    if card.made:
        return "made here"
    if card.source is None:
        return "comes with rlc"
    return "fetched" if folder_of(card).exists() else f"rlc fetch dataset {card.name}"


def lines(card: Card) -> Iterator[str]:
    """Everything that the card says."""
    yield f"{card.name}: {card.title}" + (f" ({card.paper})" if card.paper else "")
    facts = {
        "source": _source(card),
        "licence": card.licence,
        "terms": card.terms and f'accept them with --accept "{card.terms}"',
        "here": here(card),
        "languages": ", ".join(card.language),
        "questions": "as many as you say"
        if card.made
        else ""
        if card.questions is None
        else f"{card.questions:,}",
        "documents": "" if card.documents is None else f"{card.documents:,}",
        "lengths": card.lengths and f"{card.lengths} ({card.unit})",
        "scored by": measure(card) + (f", as in {card.upstream}" if card.upstream else ""),
        "overall": card.overall.replace("-", " "),
        "note": card.note,
    }
    yield from (f"  {key:<10} {value}" for key, value in facts.items() if value)
    yield "  parts"
    for name, part in card.parts.items():
        tokens = f", answers of {part.wording.max_tokens} tokens" if part.wording else ""
        yield f"    {name:<24} {part.scorer or 'rule judge'}{tokens}" + _sense(part.sense)
    if card.bibtex:
        yield "  cite"
        yield indent(card.bibtex, "    ")


def _source(card: Card) -> str:
    source = card.source
    if source is None:
        return ""
    match source:
        case Git():
            return f"{source.url} at {source.commit}"
        case Hub():
            return f"{source.place} at {source.revision or 'what main is when it is first fetched'}"
        case Files():
            return fill(", ".join(source.urls.values()), 100)


def _sense(sense: str) -> str:
    return "" if sense == "both" else f" ({sense}: {SENSES[sense]})"  # type: ignore[index] # a key of it
