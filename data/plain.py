"""Plain data out of text that anybody may have written."""

import json
import tomllib
from collections.abc import Callable
from typing import Any

MakeObject = Callable[[list[tuple[str, Any]]], dict[str, Any]]


def parse_json(text: str | bytes, make: MakeObject | None = None) -> Any:  # noqa: ANN401 - whatever stands there
    """What JSON says, by one error for all that is wrong with it; `make` sees keys that stand twice.

    Raises:
        ValueError: if it is no JSON, or nests deeper than Python reads (where `json.loads` ends in a RecursionError).
    """
    try:
        return json.loads(text, object_pairs_hook=make)
    except RecursionError as error:
        raise ValueError("it nests deeper than any use") from error


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ValueError: if it is no TOML, nests deeper than Python reads, or holds a number that is too long for it.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it nests deeper than any use") from error


def value_of(text: str) -> Any:  # noqa: ANN401 - plain data
    """The value that a setting's text is as TOML, else the text itself."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text
