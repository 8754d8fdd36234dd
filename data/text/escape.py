"""Text from outside made safe to show: what would steer a terminal or reorder a line is spelled out."""

import re

# Control codes but for tab and line feed, marks that turn the direction of text, and halves of surrogate pairs.
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escape_controls(text: str) -> str:
    r"""Spell control codes out as escapes; everything else, tabs and line feeds too, stays as it is.

    >>> print(escape_controls("a\x1b[31mb"))
    a\x1b[31mb
    """
    return _STEERING.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def shorten(text: str, limit: int) -> str:
    """At most about `limit` characters of a text: its beginning and its end, and how much is left out between.

    >>> shorten("abcdefghij", 4)
    'ab [... 6 characters ...] ij'
    """
    if len(text) <= limit:
        return text
    head = (limit + 1) // 2
    tail = limit - head
    return f"{text[:head]} [... {len(text) - limit:,} characters ...] {text[len(text) - tail :]}"
