"""What an agent can do with a text: find a pattern, open a place, count. Nothing that a model writes is run."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rlc.data.errors import EngineError
from rlc.data.plain import parse_json
from rlc.data.text.outline import headings

LONGEST_PATTERN = 200  # characters
MOST_PARTS = 8  # alternatives of a pattern, and parts of each
REACH = 400  # characters within which the parts of an alternative stand
MOST_HEADINGS = 40

# What models write out of habit and what it stands for here.
HABITS = ((r"\(\?[a-z]+\)|\\b|\^|\$", ""), (r"(?:\\s|\\w|\.)[*+]\??|\\s", ".*"), (r"\\([^\w\s])", r"\1"))
TOOLS = ("SEARCH", "GREP", "OPEN", "COUNT", "ASK EACH", "ANSWER")
CALL = re.compile(rf"^\W*({'|'.join(TOOLS)})(?![A-Za-z])[*_ \t]*[:：]?[*_ \t]*", re.IGNORECASE | re.MULTILINE)

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"tool": {"type": "string", "enum": list(TOOLS)}, "argument": {"type": "string"}},
    "required": ["tool", "argument"],
    "additionalProperties": False,
}
"""What a call is to an engine that follows a schema."""


class Call(NamedTuple):
    """What a model wants to do; a text that names no tool is an answer."""

    tool: str
    argument: str

    @property
    def line(self) -> str:
        """The call as a line."""
        return f"{self.tool}: {self.argument}"


def call_in(said: str) -> Call:
    """The first call in a text: the tool, and what stands behind it in its line; of an answer all that follows."""
    found = CALL.search(said)
    if not found:
        return Call("ANSWER", said.strip())
    tool, rest = found[1].upper(), said[found.end() :].strip()
    return Call(tool, rest if tool == "ANSWER" else rest.partition("\n")[0].strip().strip("\"'`"))


def call_under_schema(said: str) -> Call:
    """The call that an engine wrote under `SCHEMA`.

    Raises:
        EngineError: if it is none.
    """
    try:
        found = parse_json(said)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("tool") not in TOOLS or "argument" not in found:
        raise EngineError(
            f"expected a call such as {{'tool': 'GREP', 'argument': 'keeper'}}, got {said[:80]!r}; take an engine that "
            "follows a schema, or calls = 'lines'"
        )
    return Call(found["tool"], str(found["argument"]).strip())


class Form(NamedTuple):
    """How tools are called: what the engine is held to, and how a call is read."""

    schema: Mapping[str, Any] | None
    read: Callable[[str], Call]


FORMS = {"lines": Form(None, call_in), "schema": Form(SCHEMA, call_under_schema)}


def matches(pattern: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a pattern stands in the text, half-open spans in order, none inside another.

    A pattern is plain words, whatever their case; `a|b` finds either, `a.*b` both in one line. There is nothing else to
    it, so that no pattern takes long: a regular expression of a few characters may take hours.
    """
    alternatives = [
        [part for part in one.split(".*")[:MOST_PARTS] if part.strip()]
        for one in _plain(pattern[:LONGEST_PATTERN]).split("|")[:MOST_PARTS]
    ]
    spans = sorted({span for parts in alternatives if parts for span in _stands(parts, text)})
    end = 0
    for span in spans:
        if span[0] >= end:
            yield span
            end = span[1]


def _plain(pattern: str) -> str:
    for habit, stands_for in HABITS:
        pattern = re.sub(habit, stands_for, pattern)
    return pattern


def _stands(parts: Sequence[str], text: str) -> Iterator[tuple[int, int]]:
    first, *others = [re.compile(re.escape(part), re.IGNORECASE) for part in parts]
    for match in first.finditer(text):
        line = text.find("\n", match.end(), match.end() + REACH)
        limit = line if line >= 0 else min(len(text), match.end() + REACH)
        end = match.end()
        for other in others:
            further = other.search(text, end, limit)
            if further is None:
                break
            end = further.end()
        else:
            yield match.start(), end


def around(span: tuple[int, int], characters: int, text: str) -> tuple[int, int]:
    """A span with so many characters on either side of its beginning."""
    return max(0, span[0] - characters), min(len(text), span[0] + characters)


def place_in(argument: str, length: int, at_once: int) -> tuple[int, int] | None:
    """The span that `OPEN` names, a number or two (`1200`, `1200-1900`): at most `at_once` characters; None for neither."""
    numbers = [int(number) for number in re.findall(r"\d{1,12}", argument.replace(",", ""))[:2]]
    if not numbers or numbers[0] >= length:
        return None
    start = numbers[0]
    end = numbers[1] if len(numbers) == 2 and numbers[1] > start else start + at_once
    return start, min(end, start + at_once, length)


@lru_cache(maxsize=64)
def outline_of(text: str) -> str:
    """The headings of a text with the places where they stand, the highest first where there are many."""
    found = headings(text)
    for level in range(6, 0, -1):
        if len(found) <= MOST_HEADINGS:
            break
        found = [heading for heading in found if heading.level < level]
    lines = [f"[{one.start}] {'  ' * (one.level - 1)}{one.title}" for one in found[:MOST_HEADINGS]]
    return "\n".join(lines)
