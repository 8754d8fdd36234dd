"""What answers cost: tokens, seconds, and money where the user gives a price sheet.

A price sheet is a TOML or JSON file of dollars per million tokens. There is no built-in one, for prices change:

    ["my-model"]                # the name that the run's tables show
    prompt = 2.0
    cached = 0.5                # prompt tokens that the provider had cached; the price of `prompt` where left out
    output = 8.0
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rlc.data.errors import DataError, UsageError, unknown
from rlc.data.plain import parse_json, parse_toml
from rlc.data.records import Usage

if TYPE_CHECKING:
    import polars as pl


PRICED = ("prompt_tokens", "cached_tokens", "output_tokens", "index_tokens")
Tokens = TypeVar("Tokens", float, "pl.Expr")


@dataclass(frozen=True)
class Price:
    """Dollars per million prompt, cached prompt and output tokens."""

    prompt: float
    cached: float
    output: float

    def __post_init__(self) -> None:
        for name in ("prompt", "cached", "output"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"expected a {name} price of at least 0, got {getattr(self, name)}")

    def of(self, usage: Usage) -> float:
        """Dollars for one usage: ((prompt - cached) P + cached C + output O) / 1e6.

        `cached_tokens` is the part of `prompt_tokens` that was already there. What preparing the document cost
        in tokens (`index_tokens`) is priced as prompt.
        """
        counts: list[float] = [getattr(usage, name) for name in PRICED]
        return self.dollars(*counts)

    def dollars(self, prompt: Tokens, cached: Tokens, output: Tokens, index: Tokens) -> Tokens:
        """Dollars for counts of the four kinds in `PRICED`, be they numbers or columns of a table."""
        return ((prompt - cached + index) * self.prompt + cached * self.cached + output * self.output) / 1e6


def read_prices(path: Path) -> dict[str, Price]:
    """Read a price sheet.

    Raises:
        DataError: naming the file and the entry that cannot be used.
    """
    try:
        text = path.read_text(encoding="utf-8")
        sheet = parse_json(text) if path.suffix == ".json" else parse_toml(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a price sheet ({error})") from error
    if not isinstance(sheet, dict):
        raise DataError(f"{path}: expected a table of models, got {type(sheet).__name__}")
    return {model: _price(f"{path}: {model}", entry) for model, entry in sheet.items()}


def _price(place: str, entry: object) -> Price:
    wanted = "prompt and output, and perhaps cached, in dollars per million tokens"
    if not isinstance(entry, dict) or not {"prompt", "output"} <= entry.keys() <= {
        "prompt",
        "cached",
        "output",
    }:
        raise DataError(f"{place}: expected {wanted}, got {entry!r}")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in entry.values()):
        raise DataError(f"{place}: expected numbers, {wanted}, got {entry!r}")
    try:
        return Price(**{"cached": entry["prompt"], **entry})
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error


def dollars(usage: Usage, model: str, prices: Mapping[str, Price]) -> float:
    """What one usage of a model costs.

    Raises:
        UsageError: if the sheet has no such model.
    """
    if model not in prices:
        raise UsageError(f"{unknown('price for model', model, prices)}; add it to the price sheet")
    return prices[model].of(usage)
