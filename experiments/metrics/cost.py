"""What answers cost: tokens, seconds, and money where a price is known.

A price sheet is a TOML or JSON file of dollars per million tokens; `prices.toml` beside this file is one, with its date and its
source, and a user's own takes its place:

    ["my-model"]                # the name that the run's tables show, or "provider/my-model"
    prompt = 2.0
    cached = 0.5                # prompt tokens that the provider had cached; the price of `prompt` where left out
    cache_write = 2.5           # prompt tokens that it is paid to cache; the price of `prompt` where left out
    output = 8.0

LiteLLM's `model_prices_and_context_window.json` is read as well. Of its entries those are left out whose price depends on the
prompt's length.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rlc.data.errors import DataError
from rlc.data.plain import parse_json, parse_toml
from rlc.data.records import Usage

if TYPE_CHECKING:
    import polars as pl


SHIPPED = Path(__file__).with_name("prices.toml")
PER_TOKEN = {
    "prompt": "input_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "output": "output_cost_per_token",
}
PRICED = ("prompt_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "index_tokens")
Tokens = TypeVar("Tokens", float, "pl.Expr")


@dataclass(frozen=True)
class Price:
    """Dollars per million prompt, cached prompt and output tokens, and prompt tokens that are written into a cache.

    The last are priced as prompt where None.
    """

    prompt: float
    cached: float
    output: float
    cache_write: float | None = None

    def __post_init__(self) -> None:
        for name in ("prompt", "cached", "output", "cache_write"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"expected a {name} price of at least 0, got {value}")

    def of(self, usage: Usage) -> float:
        """Dollars for one usage: ((prompt - cached - written) P + cached C + written W + output O) / 1e6.

        `cached_tokens` is the part of `prompt_tokens` that was already there, `cache_write_tokens` another. What
        preparing the document cost in tokens (`index_tokens`) is priced as prompt.
        """
        counts: list[float] = [getattr(usage, name) for name in PRICED]
        return self.dollars(*counts)

    def most(self, prompt_tokens: int, output_tokens: int) -> float:
        """The dollars of a call at the most: nothing is cached, and all may be written into a cache."""
        written = max(self.prompt, self.cache_write or 0.0)
        return (prompt_tokens * written + output_tokens * self.output) / 1e6

    def dollars(
        self, prompt: Tokens, cached: Tokens, written: Tokens, output: Tokens, index: Tokens
    ) -> Tokens:
        """Dollars for counts of the kinds in `PRICED`, be they numbers or columns of a table."""
        write = self.prompt if self.cache_write is None else self.cache_write
        read = (prompt - cached - written + index) * self.prompt + cached * self.cached + written * write
        return (read + output * self.output) / 1e6


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
    if any(isinstance(entry, dict) and PER_TOKEN["prompt"] in entry for entry in sheet.values()):
        return _litellm(path, sheet)
    return {model: _price(f"{path}: {model}", entry) for model, entry in sheet.items()}


def shipped_prices() -> dict[str, Price]:
    """The price sheet that comes with the package."""
    return read_prices(SHIPPED)


def _litellm(path: Path, sheet: Mapping[str, Any]) -> dict[str, Price]:
    """The flat prices of a table of LiteLLM's, which are per token."""
    found = {}
    for model, entry in sheet.items():
        flat = isinstance(entry, dict) and not any("_above_" in name and "_tokens" in name for name in entry)
        if flat and {PER_TOKEN["prompt"], PER_TOKEN["output"]} <= entry.keys():
            told = {ours: entry[theirs] for ours, theirs in PER_TOKEN.items() if theirs in entry}
            if not all(isinstance(one, int | float) for one in told.values()):
                raise DataError(f"{path}: {model}: expected numbers, dollars per token, got {told!r}")
            per_million = {name: round(one * 1e6, 6) for name, one in told.items()}
            found[model] = _price(f"{path}: {model}", per_million)
    return found


def _price(place: str, entry: object) -> Price:
    wanted = "prompt and output, and perhaps cached and cache_write, in dollars per million tokens"
    if not isinstance(entry, dict) or not {"prompt", "output"} <= entry.keys() <= PER_TOKEN.keys():
        raise DataError(f"{place}: expected {wanted}, got {entry!r}")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in entry.values()):
        raise DataError(f"{place}: expected numbers, {wanted}, got {entry!r}")
    try:
        return Price(**{"cached": entry["prompt"], **entry})
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error
