"""A server's words, made safe to show and to keep."""

import re

from rlc.data.text.escape import escape_controls

EXCERPT = 300  # characters that are shown
SHORTEST_PART = 8  # characters of a key that give it away


class Words:
    """A server's words as they may be shown and kept: without the key, on one line, short, nothing that steers a terminal.

    The key is left out before anything is cut, also where white space parts it, and with it every longer part of it.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._whole = re.compile(r"\s*".join(map(re.escape, key))) if key not in ("", "EMPTY") else None

    def without_key(self, text: str) -> str:
        """The text with `...` in place of the key."""
        if self._whole is None:
            return text
        text = self._whole.sub("...", text)
        for length in range(len(self._key) - 1, SHORTEST_PART - 1, -1):
            text = text.replace(self._key[:length], "...").replace(self._key[-length:], "...")
        return text

    def line(self, text: str) -> str:
        """The text on one line."""
        return escape_controls(" ".join(self.without_key(text).split()))

    def excerpt(self, text: str) -> str:
        """The beginning of it."""
        return self.line(text)[:EXCERPT]
