"""The structure that a text shows: headings and the rows of tables."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_LINE = re.compile(
    r"""^[^\S\n]*(?:
    (?P<marks>\#{1,6})[^\S\n]+(?P<title>\S[^\n]{0,200}?)[^\S\n]*\#*   # Markdown
    |(?P<part>(?:PART|Part|BOOK|Book|VOLUME|Volume|CHAPTER|Chapter)[^\S\n]+(?:[IVXLC]+|\d+)\b[^\n]{0,100})
    |(?P<item>(?:ITEM|Item)[^\S\n]+\d+[A-C]?\b[^\n]{0,150})           # SEC filings
    |(?P<note>(?:NOTE|Note)[^\S\n]+\d+\b[^\n]{0,100})
    |(?P<number>\d{1,2}(?:\.\d{1,2})*)\.?[^\S\n]+[A-Z][^\n]{0,80}     # 3.1 Results
    )$""",
    re.MULTILINE | re.VERBOSE,
)
_FENCE = re.compile(r"^[^\S\n]*(?:```|~~~)", re.MULTILINE)
_CONTENTS = re.compile(r"(?:[^\S\n]{3,}|\t|\.{3,}\s*)[\divxF-]+\s*$")  # a line of a table of contents
_ROW = re.compile(r"\S(?:[^\S\n]{3,}|[^\S\n]*[\t|])")
_LEVELS = {"part": 1, "item": 2, "note": 3}


@dataclass(frozen=True)
class Heading:
    """A heading whose line begins at `start`; level 1 is the highest."""

    start: int
    level: int
    title: str


def headings(text: str) -> list[Heading]:
    """The headings of Markdown, filings and numbered texts, in reading order.

    Markdown's have their own level. Lines of their own after a blank line count too: parts and chapters (level 1),
    items of a filing (2), its notes (3), and numbers such as 3.1, two below their depth. Fenced code
    and lines of a table of contents do not.
    """
    fences = [match.start() for match in _FENCE.finditer(text)]
    found = []
    for match in _LINE.finditer(text):
        if bisect_right(fences, match.start()) % 2 or not (match["marks"] or _alone(text, match)):
            continue
        title = (match["title"] or match.group()).strip()
        found.append(Heading(match.start(), _level(match), re.sub(r"\s+", " ", title)))
    return found


def section_paths(found: Sequence[Heading]) -> list[tuple[str, ...]]:
    """For each heading the titles from the highest heading above it down to itself."""
    paths: list[tuple[str, ...]] = []
    above: list[Heading] = []
    for heading in found:
        above = [*(one for one in above if one.level < heading.level), heading]
        paths.append(tuple(one.title for one in above))
    return paths


class Outline:
    """The sections of one text."""

    def __init__(self, text: str) -> None:
        self.headings = headings(text)
        self._starts = [heading.start for heading in self.headings]
        self._paths = section_paths(self.headings)

    def path(self, start: int) -> tuple[str, ...]:
        """The titles above a place, from the highest down; a heading that begins there is the last."""
        last = bisect_right(self._starts, start) - 1
        return self._paths[last] if last >= 0 else ()

    def last_heading(self, low: int, high: int) -> int | None:
        """Where the last heading of the highest level in (low, high] begins."""
        inside = self.headings[bisect_right(self._starts, low) : bisect_right(self._starts, high)]
        return min(inside, key=lambda one: (one.level, -one.start)).start if inside else None


def row_start(text: str, low: int, place: int) -> int:
    """Move a place inside a table's row to the row's beginning, if that lies beyond `low`.

    A row is a line with a bar, a tab or a gap of three spaces.
    """
    begin = text.rfind("\n", low, place) + 1
    if (
        not low < begin < place
    ):  # the line began before the range: reading it again at every cut would be quadratic
        return place
    end = text.find("\n", place)
    return begin if _ROW.search(text, begin, end if end >= 0 else len(text)) else place


def _alone(text: str, match: re.Match[str]) -> bool:
    line = match.group()
    above = text[max(text.rfind("\n", 0, max(match.start() - 1, 0)), 0) : match.start()]
    sentence = match["number"] and line.rstrip()[-1] in ".,;:"
    return not above.strip() and not sentence and not _CONTENTS.search(line)


def _level(match: re.Match[str]) -> int:
    if match["marks"]:
        return len(match["marks"])
    if match["number"]:
        return 3 + match["number"].count(".")
    return next(level for name, level in _LEVELS.items() if match[name])
