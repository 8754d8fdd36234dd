"""Quotes: what a model quotes, kept only where it stands in the text word for word."""

import re
from collections.abc import Iterator, Sequence

from rlc.data.text.cut import count_words

FEWEST_WORDS = 3  # of a quote: less stands in any text
MARKS = "\"'`*“”„‟«»‹›‘’「」『』 \t"
LISTED = re.compile(r"^\s*(?:(?:[-*•>]|\(?\d{1,3}[.)])\s+|\d{1,3}[、．]\s*)")
QUOTED = re.compile(r"[\"“„«「『]([^\"“”„«»「」『』\n]+)[\"”“»」』]")


def quotes_in(said: str) -> list[str]:
    """What a model quotes: what stands between quotation marks in each line, else the line without its bullet."""
    found = []
    for line in said.splitlines():
        marked = QUOTED.findall(line)
        found += marked or [LISTED.sub("", line).strip(MARKS)]
    return [quote for quote in found if count_words(quote) >= FEWEST_WORDS]


def places_of(quotes: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Where quotes stand in the text, half-open spans in the order of the text, each once; those that do not are left out.

    White space may differ, nothing else.
    """
    found = {place for quote in quotes for place in _place(quote, text)}
    return sorted(found)


def _place(quote: str, text: str) -> Iterator[tuple[int, int]]:
    pattern = r"\s+".join(map(re.escape, quote.split()))
    if match := re.search(pattern, text):
        yield match.span()
