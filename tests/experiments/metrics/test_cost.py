import json
from dataclasses import replace

import pytest

from rlc.data.errors import DataError
from rlc.data.records import Usage
from rlc.experiments.metrics.cost import Price, read_prices, shipped_prices
from rlc.pipeline.llms.support.providers import PROVIDERS

USAGE = Usage(prompt_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000, index_tokens=200_000)


def test_price_by_hand():
    # 0.6 M fresh + 0.2 M index at 2 + 0.4 M cached at 0.5 + 0.1 M output at 8
    assert Price(2.0, 0.5, 8.0).of(USAGE) == pytest.approx(1.6 + 0.2 + 0.8)


def test_what_is_written_into_a_cache_by_hand():
    # 0.3 M fresh + 0.2 M index at 2 + 0.3 M written at 2.5 + 0.4 M cached at 0.5 + 0.1 M output at 8
    usage = replace(USAGE, cache_write_tokens=300_000)
    assert Price(2.0, 0.5, 8.0, 2.5).of(usage) == pytest.approx(1.0 + 0.75 + 0.2 + 0.8)
    assert Price(2.0, 0.5, 8.0).of(usage) == Price(2.0, 0.5, 8.0).of(USAGE), (
        "as prompt, where it has no price"
    )
    with pytest.raises(ValueError, match="cache_write price of at least 0, got -1"):
        Price(2.0, 0.5, 8.0, -1)


def test_price_of_a_sum_is_the_sum_of_prices():
    price = Price(2.0, 0.5, 8.0)
    assert price.of(USAGE.then(USAGE)) == pytest.approx(2 * price.of(USAGE))


def test_sheets_in_toml_and_json(tmp_path):
    toml, other = tmp_path / "prices.toml", tmp_path / "prices.json"
    toml.write_text('["org/model"]\nprompt = 2\noutput = 8.0\n')
    other.write_text('{"org/model": {"prompt": 2, "cached": 0.5, "output": 8}}')
    assert read_prices(toml) == {"org/model": Price(2, 2, 8.0)}  # cached costs as much as fresh
    assert read_prices(other)["org/model"].of(USAGE) == pytest.approx(2.6)


def test_litellms_table_is_a_sheet_but_for_prices_by_length(tmp_path):
    flat = {
        "input_cost_per_token": 2e-06,
        "cache_read_input_token_cost": 5e-07,
        "cache_creation_input_token_cost": 2.5e-06,
        "cache_creation_input_token_cost_above_1hr": 4e-06,  # not asked for, and not by length
        "output_cost_per_token": 8e-06,
        "mode": "chat",
    }
    table = {
        "sample_spec": {"mode": "one of: chat"},
        "m": flat,
        "long": {**flat, "input_cost_per_token_above_200k_tokens": 4e-06},
    }
    (tmp_path / "t.json").write_text(json.dumps(table))
    assert read_prices(tmp_path / "t.json") == {"m": Price(2, 0.5, 8, 2.5)}
    (tmp_path / "t.json").write_text(json.dumps({"m": flat, "n": {**flat, "output_cost_per_token": "8e-06"}}))
    with pytest.raises(DataError, match="n: expected numbers, dollars per token"):
        read_prices(tmp_path / "t.json")


def test_the_sheet_that_ships_names_providers_that_are_known():
    sheet = shipped_prices()
    assert {name.partition("/")[0] for name in sheet} <= PROVIDERS.keys()
    assert all(price.cached <= price.prompt for price in sheet.values())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.toml", "not = [", "cannot be read"),
        ("p.json", "[1]", "expected a table of models"),
        ("p.toml", "[m]\nprompt = 1", "expected prompt and output"),
        ("p.toml", "[m]\nprompt = 1\noutput = 1\ninput = 1", "expected prompt and output"),
        ("p.toml", "[m]\nprompt = '1'\noutput = 1", "expected numbers"),
        ("p.toml", "[m]\nprompt = true\noutput = 1", "expected numbers"),
        ("p.toml", "[m]\nprompt = -1\noutput = 1", "at least 0"),
        ("p.toml", "[m]\nprompt = nan\noutput = 1", "at least 0"),
    ],
)
def test_broken_sheets_name_the_file(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_prices(tmp_path / name)
    assert name in str(caught.value)


def test_missing_sheet(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_prices(tmp_path / "none.toml")
